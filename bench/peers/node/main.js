/* Runs the seed's server unchanged, on the port in $PORT and on loopback.
 *
 * QUIET=1 runs a bare `ws` server instead, for workloads with thousands of connections:
 * announcing every join to everyone is quadratic and would be all that is measured. */
'use strict';

const WebSocket = require('ws');

const address = { port: Number(process.env.PORT), host: '127.0.0.1' };

class ServerOnOurPort extends WebSocket.Server {
  constructor(options) {
    super({ ...options, ...address });
  }
}

if (process.env.QUIET === '1') {
  new ServerOnOurPort({}).on('connection', (ws) => {
    ws.on('message', (data) => ws.send(data));
  });
} else {
  WebSocket.Server = ServerOnOurPort;
  require('../../../tests/system/seed/server.js');
}
