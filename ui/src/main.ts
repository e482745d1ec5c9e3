import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "./tokens.css";

import { mount } from "svelte";

import App from "./App.svelte";
import type { Host } from "./host/host";
import { makeTauriHost } from "./host/tauri";
import { applyTheme } from "./lib/theme";
import { t } from "./messages/en";

/** Outside the app there is nothing to talk to, except in development, which has its own invented host. */
async function chooseHost(): Promise<Host | null> {
  if ("__TAURI_INTERNALS__" in window) return makeTauriHost();
  if (import.meta.env.MODE === "production") return null;
  const { makeFakeHost } = await import("./host/fake");
  return makeFakeHost({ scenario: new URLSearchParams(location.search).get("fake") ?? "" });
}

applyTheme(document.documentElement, "system");
const target = document.getElementById("app");
const host = await chooseHost();
if (target !== null && host !== null) mount(App, { target, props: { host } });
else if (target !== null) target.textContent = t.app.notInApp;
