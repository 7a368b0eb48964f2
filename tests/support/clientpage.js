/** A page that uses the browser client, and writes down what it does and sees for the checker. */

import { connect } from "/client.js";

const history = [];
const faults = [];
let client, channel, name, published = 0;

const note = (op, fields) => history.push({ op, at: Date.now(), channel: channel.name, ...fields });
const saw = (op, fields = {}) => note(op, { subscriber: name, ...fields });

function follow() {
  channel.on("message", ({ message: { seq, tag, data }, isRecovered }) =>
    saw("received", {
      how: isRecovered ? "recovered" : "live",
      epoch: channel.position.epoch,
      seq,
      tag,
      message: typeof data === "object" ? data : null,
    }),
  );
  channel.on("live", ({ position, recovery }) => saw("subscribed", { position, recovery }));
  channel.on("gap", (position) => saw("gap", { position }));
  client.on("connected", () => saw("subscribe", { since: channel.position ?? null }));
  client.on("state", ({ kind }) => kind === "waiting" && saw("disconnected"));
}

window.tidewire = {
  history,
  states: [],

  start(who, room, { url, ...options }) {
    name = who;
    client = connect(url ?? `ws://${location.host}/ws`, options);
    channel = client.channel(room);
    client.on("state", (state) => this.states.push(state));
    follow();
  },

  get state() {
    return client.state;
  },

  publish(data) {
    return channel.publish(data);
  },

  /** Publishes the next numbered message; what becomes of it is written down. */
  async publishNext() {
    const message = { publisher: name, number: ++published };
    note("invoke", { message });
    try {
      note("ok", { message, position: await channel.publish(message) });
    } catch (error) {
      note(error.name === "Refused" ? "fail" : "unknown", { message });
    }
  },

  close() {
    client.close();
  },
};
