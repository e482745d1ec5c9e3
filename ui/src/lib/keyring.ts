import type { AppState, Host } from "../host/host";
import { t } from "../messages/en";
import type { App } from "./app.svelte";
import { clockTime } from "./time";

type Signing = AppState["signing"];

/** The keyring gives nothing, so nothing can be signed. */
export function isKeyringAway(signing: Signing): boolean {
  return signing.state === "keyring-locked" || signing.state === "keyring-missing";
}

/** Asks the keyring again. Answers in words that it did not help, with the time; nothing when it did. */
export async function retryKeyring(host: Host, app: App): Promise<string> {
  const answer = await host.retryKeyring();
  if (answer.status === "error") return answer.error.message;
  app.take(answer.data);
  const at = clockTime(new Date(app.now).toISOString(), app.place);
  const { state } = answer.data.signing;
  if (state === "keyring-locked") return t.keyring.still.locked(at);
  return state === "keyring-missing" ? t.keyring.still.missing(at) : "";
}
