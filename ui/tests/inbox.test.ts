import { screen, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";

import { inboxRows } from "../src/host/fake-data";
import { expectAccessible, open } from "./page";

describe("the inbox", () => {
  it("lists each handoff with its place among all", async () => {
    await open("#/inbox");
    const list = await screen.findByRole("listbox", { name: "Handoffs" });
    const options = within(list).getAllByRole("option");
    expect(options).toHaveLength(inboxRows.length);
    const first = within(list).getByRole("option", { name: /^Refund EUR 1,280.00 to card ending 4242 12 min/ });
    expect(first.getAttribute("aria-posinset")).toBe("1");
    expect(first.getAttribute("aria-setsize")).toBe("12");
    expect(first.getAttribute("tabindex")).toBe("0");
    expect(within(first).getByText("T3 High")).toBeTruthy();
    await expectAccessible();
  });

  it("says what became of closed ones", async () => {
    await open("#/inbox");
    const closed = await screen.findByRole("option", { name: /Cancel reservation K8QW2P/ });
    expect(closed.textContent).toContain("Decided by Ana 10:31");
  });

  it("filters and searches in the address", async () => {
    const { user, host } = await open("#/inbox");
    await user.click(await screen.findByRole("button", { name: /Expiring/ }));
    expect(location.hash).toBe("#/inbox?filter=expiring");
    await screen.findByRole("button", { name: /Expiring/, pressed: true });
    await user.type(screen.getByRole("searchbox", { name: "Search the inbox" }), "north");
    expect(location.hash).toBe("#/inbox?filter=expiring&q=north");
    expect(await screen.findAllByRole("option")).toHaveLength(1);
    const last = host.calls.filter((call) => call.name === "inboxRows").at(-1)?.request;
    expect(last).toEqual({ filter: "expiring", query: "north", offset: 0, limit: 100 });
  });

  it("says that nothing waits, and that nothing matches", async () => {
    await open("#/inbox", "empty");
    expect(await screen.findByText("Nothing waits for you.")).toBeTruthy();
    await expectAccessible();
  });

  it("offers to clear a search without result", async () => {
    const { user } = await open("#/inbox?q=nowhere");
    await screen.findByText("Nothing matches this search.");
    const [button] = screen.getAllByRole("button", { name: "Clear the search" });
    if (button === undefined) throw new Error("no button");
    await user.click(button);
    expect(await screen.findAllByRole("option")).toHaveLength(inboxRows.length);
  });

  it("shows still bars only when it takes a while", async () => {
    await open("#/inbox", "loading");
    expect(screen.queryByRole("status", { name: "Loading" })).toBeNull();
    expect(await screen.findByRole("status", { name: "Loading" })).toBeTruthy();
  });

  it("says what failed, with the reference, and tries again", async () => {
    const { user, host } = await open("#/inbox", "error");
    const alert = await screen.findByText("The inbox could not be read");
    expect(alert.closest("[role='alert']")?.textContent).toContain("req-5f21c09a");
    const before = host.calls.length;
    await user.click(screen.getByRole("button", { name: "Try again" }));
    expect(host.calls.length).toBeGreaterThan(before);
  });

  it("says in words that it is offline and how old it is", async () => {
    await open("#/inbox", "offline");
    const title = await screen.findByText("Offline, showing what was current at 10:31", { selector: ".title" });
    expect(title.closest(".notice")?.textContent).toContain("at low risk is signed here and sent later");
    const state = screen.getByRole("contentinfo", { name: "State" });
    expect(state.textContent).toContain("Offline, showing what was current at 10:31, trying again in");
    expect(state.textContent).toContain("1 decision waiting to be sent");
    await expectAccessible();
  });

  it.each([
    ["", "Connected, up to date at 10:42"],
    ["gateway-starting", "Starting the gateway on this computer…"],
    ["refused", "The gateway does not let this device in"],
  ])("says the connection once, as Rust words it: %s", async (scenario, text) => {
    await open("#/inbox", scenario);
    const state = await screen.findByRole("contentinfo", { name: "State" });
    expect(state.querySelector(".part")?.textContent).toBe(text);
  });

  it("says why the gateway on this computer did not start, what it means and what to do", async () => {
    await open("#/inbox", "gateway-failed");
    const title = await screen.findByText("The gateway on this computer did not start", { selector: ".title" });
    const notice = title.closest(".notice");
    for (const part of ["Its folder could not be used.", "nothing new arrives", "open it again."])
      expect(notice?.textContent).toContain(part);
    await expectAccessible();
  });

  it("does not call an inbox empty that it has never seen", async () => {
    await open("#/inbox", "gateway-starting,empty");
    expect(await screen.findByText("Nothing is known yet.")).toBeTruthy();
    expect(screen.queryByText("Nothing waits for you.")).toBeNull();
  });

  it("draws a few of 100,000 rows", async () => {
    await open("#/inbox", "big");
    const [first] = await screen.findAllByRole("option");
    expect(first?.getAttribute("aria-setsize")).toBe("100000");
    expect(screen.getAllByRole("option").length).toBeLessThan(120);
  });

  it("takes new rows when the host tells that it changed", async () => {
    const { host } = await open("#/inbox");
    await screen.findAllByRole("option");
    const before = host.calls.filter((call) => call.name === "inboxRows").length;
    host.emit("inboxChanged", { version: 2 });
    await Promise.resolve();
    expect(host.calls.filter((call) => call.name === "inboxRows").length).toBe(before + 1);
  });
});
