// The only table of routes. A place in the app is the address's hash, so that going back works and nothing else keeps it.
import type { DecisionKind } from "./host/host";

export type SettingsPage = "appearance" | "account" | "keyboard" | "about";

export type Route =
  | { screen: "inbox"; reviewId: string | null; sheet: DecisionKind | null; filter: string; query: string }
  | { screen: "outbox" }
  | { screen: "ledger" }
  | { screen: "audit"; query: string; outcome: string | null; contract: string | null; page: number }
  | { screen: "record"; reviewId: string }
  | { screen: "settings"; page: SettingsPage }
  | { screen: "setup"; step: "choose" | "local" | "team" }
  | { screen: "lock"; back: string };

export const DEFAULT_FILTER = "mine";

const SETTINGS: readonly string[] = ["appearance", "account", "keyboard", "about"] satisfies SettingsPage[];
const DECISIONS: readonly string[] = ["approve", "reject", "escalate"] satisfies DecisionKind[];

function isSettingsPage(text: string | undefined): text is SettingsPage {
  return text !== undefined && SETTINGS.includes(text);
}

function isDecision(text: string | undefined): text is DecisionKind {
  return text !== undefined && DECISIONS.includes(text);
}

/** The place that a hash names; the inbox when it names none. */
export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  const [screen = "", first, second] = path.split("/").filter(Boolean).map(decode);
  const params = new URLSearchParams(search);
  switch (screen) {
    case "outbox":
    case "ledger":
      return { screen };
    case "audit":
      if (first !== undefined) return { screen: "record", reviewId: first };
      return {
        screen,
        query: params.get("q") ?? "",
        outcome: params.get("outcome"),
        contract: params.get("contract"),
        page: Math.max(0, Number.parseInt(params.get("page") ?? "0", 10) || 0),
      };
    case "settings":
      return { screen, page: isSettingsPage(first) ? first : "appearance" };
    case "setup":
      return { screen, step: first === "local" || first === "team" ? first : "choose" };
    case "lock":
      return { screen, back: params.get("back") ?? "" };
    default:
      return {
        screen: "inbox",
        reviewId: first ?? null,
        sheet: first !== undefined && isDecision(second) ? second : null,
        filter: params.get("filter") ?? DEFAULT_FILTER,
        query: params.get("q") ?? "",
      };
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
