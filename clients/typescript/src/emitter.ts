/** Emitter: listeners by kind of event. One that throws stops neither the others nor us. */

import type { Cancel } from "./surroundings.js";

export type Listener<Event> = (event: Event) => void;

export class Emitter<Events> {
  #listeners = new Map<keyof Events, Set<Listener<never>>>();

  on<Kind extends keyof Events>(kind: Kind, listener: Listener<Events[Kind]>): Cancel {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners);
    const own: Listener<Events[Kind]> = (event) => listener(event); // one given twice counts twice
    listeners.add(own);
    return () => listeners.delete(own);
  }

  emit<Kind extends keyof Events>(kind: Kind, event: Events[Kind]): void {
    for (const listener of [...(this.#listeners.get(kind) ?? [])]) {
      try {
        (listener as Listener<Events[Kind]>)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error; // reported as any uncaught error is
        });
      }
    }
  }

  has(kind: keyof Events): boolean {
    return (this.#listeners.get(kind)?.size ?? 0) > 0;
  }
}
