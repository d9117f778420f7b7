/** A value that many components look at. */
import { useEffect, useState } from "./html.js";

/** @template T */
export class Store {
  /** @param {T} value */
  constructor(value) {
    this.value = value;
    /** @type {Set<(value: T) => void>} */
    this.listeners = new Set();
  }

  /** @param {Partial<T>} changes */
  change(changes) {
    this.value = { ...this.value, ...changes };
    for (const listener of [...this.listeners]) listener(this.value);
  }

  /** @param {(value: T) => void} listener @returns {() => void} what ends it */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }

  /** In a component: the value, drawn again with each change. @returns {T} */
  use() {
    const [value, setValue] = useState(this.value);
    useEffect(() => {
      setValue(this.value);
      return this.subscribe(setValue);
    }, []);
    return value;
  }
}
