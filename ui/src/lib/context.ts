import { createContext } from "svelte";

import type { Host } from "../host/host";
import type { App } from "./app.svelte";
import type { Keys } from "./keys";
import type { Preferences } from "./preferences.svelte";
import type { Router } from "./router.svelte";
import type { Say } from "./say.svelte";

/** What every component may reach. */
export interface Seamark {
  host: Host;
  app: App;
  router: Router;
  keys: Keys;
  say: Say;
  preferences: Preferences;
}

export const [getSeamark, setSeamark] = createContext<Seamark>();
