// The whole page on the host in memory, as a person meets it.
import { render, screen, waitFor } from "@testing-library/svelte";
import userEvent, { type UserEvent } from "@testing-library/user-event";
import axe from "axe-core";
import { expect } from "vitest";

import App from "../src/App.svelte";
import { makeFakeHost, type FakeHost } from "../src/host/fake";
import type { DecideRequest } from "../src/host/host";

export interface Page {
  host: FakeHost;
  user: UserEvent;
}

export async function open(hash: string, scenario = ""): Promise<Page> {
  location.hash = hash;
  const host = makeFakeHost({ scenario, delay: 0 });
  const user = userEvent.setup();
  render(App, { props: { host } });
  await waitFor(() => expect(screen.getByRole("main")).toBeTruthy());
  return { host, user };
}

/** Opens a review and waits until the dead time after its coming is over. */
export async function openReview(reviewId: string, scenario = ""): Promise<Page> {
  const page = await open(`#/inbox/${reviewId}`, scenario);
  await screen.findByRole("heading", { level: 1, name: /\?$/ });
  await pastDeadTime();
  return page;
}

export async function pastDeadTime(): Promise<void> {
  const start = performance.now();
  await waitFor(() => expect(performance.now() - start).toBeGreaterThan(420), { timeout: 2_000, interval: 20 });
}

export async function openEvidence({ user }: Page): Promise<void> {
  for (const name of [/Order 41-0977/, /Warehouse scan/]) {
    await user.click(screen.getByRole("button", { name }));
  }
  await screen.findByText("2 of 2 required pieces of evidence opened");
}

export function decided(host: FakeHost): DecideRequest[] {
  return host.calls.filter((call) => call.name === "decide").map((call) => call.request as DecideRequest);
}

/** Every rule of WCAG 2.2 AA that needs no layout; contrast is tested on the tokens. */
export async function expectAccessible(): Promise<void> {
  const found = await axe.run(document.body, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    rules: { "color-contrast": { enabled: false }, "target-size": { enabled: false } },
  });
  expect(found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`)).toEqual([]);
}
