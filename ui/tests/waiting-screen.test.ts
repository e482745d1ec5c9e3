import { screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";

import { appState } from "../src/host/fake-data";
import { expectAccessible, open } from "./page";

const title = "Read this to whoever signs your enrolment";

describe("while the organisation has not signed this device", () => {
  it("shows the fingerprint in groups to read out, and says that it waits", async () => {
    await open("", "waiting");
    expect(screen.getByRole("heading", { level: 1, name: title })).toBeTruthy();
    const groups = screen.getAllByRole("listitem").map((item) => item.textContent);
    expect(groups).toEqual(["1f0c", "77a2", "90be", "4d11", "03ac", "5e8f", "2b6d", "9c40"]);
    expect(screen.getByText(/Waiting for the signature/)).toBeTruthy();
    expect(document.body.textContent).toContain("Example Trading");
    await expectAccessible();
  });

  it("goes on by itself when it was signed", async () => {
    const { host } = await open("", "waiting");
    host.emit("appState", appState());
    expect(await screen.findByRole("listbox", { name: "Handoffs" })).toBeTruthy();
    expect(screen.queryByRole("heading", { name: title })).toBeNull();
  });

  it.each([
    ["waiting,offline", /Seamark goes on trying; your key is kept/],
    ["waiting,refused", /Ask for a new invitation/],
    ["waiting,connecting", /Connecting to the gateway/],
  ])("says so when the gateway is not there or lets nobody in: %s", async (scenario, words) => {
    await open("", scenario);
    expect(await screen.findByText(words)).toBeTruthy();
    expect(screen.queryByText(/Waiting for the signature/)).toBeNull();
    expect(screen.getAllByRole("listitem")).toHaveLength(8);
    await expectAccessible();
  });

  it("asks a locked keyring again", async () => {
    const page = await open("", "waiting,keyring-locked");
    await page.user.click(await screen.findByRole("button", { name: "Try again" }));
    await waitFor(() => expect(page.host.calls.some((call) => call.name === "retryKeyring")).toBe(true));
  });

  it("shows nothing to read out before there is a fingerprint", async () => {
    const { host } = await open("", "waiting");
    host.emit("appState", { ...appState(), stage: "waiting" });
    await waitFor(() => expect(screen.queryAllByRole("listitem")).toHaveLength(0));
    await expectAccessible();
  });
});

describe("a root that took the place of the pinned one", () => {
  it("is trusted only with its fingerprint", async () => {
    const page = await open("#/settings/account", "new-root");
    expect(await screen.findByText("Your organisation has a new root")).toBeTruthy();
    const typed = screen.getByRole("textbox", { name: "Fingerprint as they told you" });
    await page.user.type(typed, "0000");
    await page.user.click(screen.getByRole("button", { name: "Trust the new root" }));
    expect(await screen.findByText(/This is not the fingerprint/)).toBeTruthy();
    await expectAccessible();
    await page.user.clear(typed);
    await page.user.type(typed, "0d1e 2f3a 4b5c 6d7e 8f90 a1b2 c3d4 e5f6");
    await page.user.click(screen.getByRole("button", { name: "Trust the new root" }));
    await waitFor(() => expect(screen.queryByText("Your organisation has a new root")).toBeNull());
    expect(page.host.calls.filter((call) => call.name === "pinRoot")).toHaveLength(2);
  });
});
