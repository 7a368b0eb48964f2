/* The seed's server on Bun: the same messages, fanned out by uWebSockets' own topics.
 *
 * QUIET=1 leaves out the announcement of joins and leaves, for workloads with thousands of
 * connections: told to everyone they are quadratic and would be all that is measured. */
const quiet = process.env.QUIET === '1';
let userCount = 0;

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: Number(process.env.PORT),
  fetch(request, server) {
    const data = { id: generateId() };
    if (server.upgrade(request, { data })) return undefined;
    return new Response('upgrade required', { status: 426 });
  },
  websocket: { open: welcome, message: dispatch, close: sayGoodbye },
});

function welcome(ws) {
  ws.subscribe('everyone');
  userCount += 1;
  ws.send(JSON.stringify({ type: 'connected', userId: ws.data.id, userCount }));
  announce({ type: 'user_joined', userId: ws.data.id });
}

function dispatch(ws, text) {
  const message = JSON.parse(text);
  switch (message.type) {
    case 'chat':
      broadcast({ type: 'chat', from: ws.data.id, text: message.text, timestamp: Date.now() });
      break;
    case 'ping':
      ws.send(JSON.stringify({ type: 'pong' }));
      break;
  }
}

function sayGoodbye(ws) {
  userCount -= 1;
  announce({ type: 'user_left', userId: ws.data.id });
}

function announce(message) {
  if (!quiet) broadcast(message);
}

function broadcast(message) {
  server.publish('everyone', JSON.stringify(message));
}

function generateId() {
  return Math.random().toString(36).substring(2, 9);
}
