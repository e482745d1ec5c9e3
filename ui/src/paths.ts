// Typed links: the other direction of routes.ts.
import type { DecisionKind } from "./host/host";
import { DEFAULT_FILTER, type SettingsPage } from "./routes";

interface InboxPlace {
  reviewId?: string | null;
  sheet?: DecisionKind | null;
  filter?: string;
  query?: string;
}

function withParams(path: string, params: Record<string, string | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value != null && value !== "") search.set(name, value);
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}

export const paths = {
  inbox({ reviewId = null, sheet = null, filter = DEFAULT_FILTER, query = "" }: InboxPlace = {}): string {
    const item = reviewId === null ? "" : `/${encodeURIComponent(reviewId)}`;
    const open = reviewId === null || sheet === null ? "" : `/${sheet}`;
    return withParams(`#/inbox${item}${open}`, { filter: filter === DEFAULT_FILTER ? null : filter, q: query });
  },
  outbox: (): string => "#/outbox",
  ledger: (): string => "#/ledger",
  audit(place: { query?: string; outcome?: string | null; contract?: string | null; page?: number } = {}): string {
    const { query, outcome, contract, page = 0 } = place;
    return withParams("#/audit", { q: query, outcome, contract, page: page === 0 ? null : String(page) });
  },
  record: (reviewId: string): string => `#/audit/${encodeURIComponent(reviewId)}`,
  settings: (page: SettingsPage = "appearance"): string => `#/settings/${page}`,
  setup: (step: "choose" | "local" | "team" = "choose"): string => `#/setup/${step}`,
  lock: (back: string): string => withParams("#/lock", { back }),
};
