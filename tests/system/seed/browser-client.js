// The browser code of the project's founding document,
// "Building Real-Time Applications with WebSockets". Unchanged below this comment.

const ws = new WebSocket('ws://localhost:8080');
ws.onopen = () => {
console.log('Connected to server');
ws.send(JSON.stringify({ type: 'chat', text: 'Hello, world!' }));
};
ws.onmessage = (event) => {
const message = JSON.parse(event.data);
console.log('Received:', message);
switch (message.type) {
case 'connected':
console.log(
`My ID: ${message.userId}, ${message.userCount} users online`,
);
break;
case 'chat':
displayChatMessage(message);
break;
case 'user_joined':
console.log(`User ${message.userId} joined`);
break;
}
};
ws.onclose = () => {
console.log('Disconnected');
// Reconnect after a delay
setTimeout(() => connectWebSocket(), 3000);
};
ws.onerror = (error) => {
console.error('WebSocket error:', error);
};
