"""HTTP beside the WebSocket: the API for backends, clients that poll and publish, health, metrics,
tickets, documents, and why an upgrade would be refused. Decides nothing about channels."""
