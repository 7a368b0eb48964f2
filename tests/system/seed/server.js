// The Node server of the project's founding document,
// "Building Real-Time Applications with WebSockets". Unchanged below this comment.

const WebSocket = require('ws');
const server = new WebSocket.Server({ port: 8080 });
const clients = new Map();
server.on('connection', (ws, req) => {
const id = generateId();
clients.set(id, ws);
ws.on('message', (data) => {
const message = JSON.parse(data);
switch (message.type) {
case 'chat':
// Broadcast to all connected clients
broadcast({
type: 'chat',
from: id,
text: message.text,
timestamp: Date.now(),
});
break;
case 'ping':
ws.send(JSON.stringify({ type: 'pong' }));
break;
}
});
ws.on('close', () => {
clients.delete(id);
broadcast({ type: 'user_left', userId: id });
});
// Send welcome message
ws.send(
JSON.stringify({
type: 'connected',
userId: id,
userCount: clients.size,
}),
);
// Notify others
broadcast({ type: 'user_joined', userId: id });
});
function broadcast(message) {
const data = JSON.stringify(message);
for (const [id, client] of clients) {
if (client.readyState === WebSocket.OPEN) {
client.send(data);
}
}
}
function generateId() {
return Math.random().toString(36).substring(2, 9);
}
