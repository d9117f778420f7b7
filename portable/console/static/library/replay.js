/** Running an invocation again. */
import { post } from "./api.js";
import { go } from "./routing.js";
import { say } from "./session.js";

/** Runs it again as it was, or as it was edited, and goes to the new one. @param {string} id @param {any} [changes] */
export async function replay(id, changes = {}) {
  const { invocation } = await post(["invocations", id, "replay"], changes);
  say("Replayed");
  if (invocation) go(["invocations", invocation]);
}
