// The reconnecting client of the project's founding document,
// "Building Real-Time Applications with WebSockets". Unchanged below this comment.

class ReconnectingWebSocket {
constructor(url) {
this.url = url;
this.reconnectAttempts = 0;
this.maxReconnectAttempts = 10;
this.connect();
}
connect() {
this.ws = new WebSocket(this.url);
this.ws.onopen = () => {
this.reconnectAttempts = 0;
console.log('Connected');
};
this.ws.onclose = () => {
if (this.reconnectAttempts < this.maxReconnectAttempts) {
const delay = Math.min(
1000 * Math.pow(2, this.reconnectAttempts),
30000,
);
this.reconnectAttempts++;
setTimeout(() => this.connect(), delay);
}
};
this.ws.onmessage = (event) => {
if (this.onMessage) this.onMessage(JSON.parse(event.data));
};
}
send(data) {
if (this.ws.readyState === WebSocket.OPEN) {
this.ws.send(JSON.stringify(data));
}
}
}
