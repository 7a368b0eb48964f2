"""HTTP beside the WebSocket: health, metrics, tickets, and why an upgrade would be refused."""
