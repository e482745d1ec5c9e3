import { screen, waitFor } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";

import { expectAccessible, open, type Page } from "./page";

async function local(page: Page, name = "Robin Reyes", pin = "246810", again = pin): Promise<void> {
  await page.user.click(screen.getByRole("link", { name: "Try Seamark on this computer" }));
  await page.user.type(await screen.findByRole("textbox", { name: "Your name" }), name);
  await page.user.type(screen.getByLabelText("Signing PIN"), pin);
  await page.user.type(screen.getByLabelText("Signing PIN again"), again);
  await page.user.click(screen.getByRole("button", { name: "Set up" }));
}

describe("the first run", () => {
  it("offers both ways and explains them", async () => {
    await open("", "first-run");
    expect(screen.getByRole("heading", { level: 1, name: "Welcome to Seamark" })).toBeTruthy();
    expect(screen.getByRole("link", { name: "Connect to my team’s gateway" })).toBeTruthy();
    await expectAccessible();
  });

  it("sets up on this computer and ends in the inbox", async () => {
    const page = await open("", "first-run");
    await local(page);
    expect(await screen.findByRole("listbox", { name: "Handoffs" })).toBeTruthy();
    expect(page.host.calls.find((call) => call.name === "tryLocally")?.request).toEqual({
      personName: "Robin Reyes",
      pin: "246810",
    });
    expect(location.hash).toBe("#/inbox");
  });

  it("shows each step while it works", async () => {
    const { host } = await open("", "setting-up");
    host.emit("setupProgress", { step: 1, of: 4, text: "Creating your signing key" });
    host.emit("setupProgress", { step: 2, of: 4, text: "Starting the gateway" });
    await waitFor(() => expect(document.body.textContent).toContain("Step 2 of 4: Starting the gateway"));
    expect(screen.getAllByRole("listitem")).toHaveLength(2);
    await expectAccessible();
  });

  it("says at the fields what is not right, and goes to the first", async () => {
    const page = await open("#/setup/local", "first-run");
    await page.user.click(await screen.findByRole("button", { name: "Set up" }));
    const name = screen.getByRole("textbox", { name: "Your name" });
    await waitFor(() => expect(document.activeElement).toBe(name));
    expect(screen.getByText("Choose a PIN of at least 6 digits, or 8 characters.")).toBeTruthy();
    await expectAccessible();
  });

  it("asks for the same PIN twice", async () => {
    const page = await open("", "first-run");
    await local(page, "Robin", "246810", "246811");
    expect(await screen.findByText("The two PINs are not the same.")).toBeTruthy();
    expect(page.host.calls.some((call) => call.name === "tryLocally")).toBe(false);
  });

  it.each([
    ["Robin", "111111", /easy to guess/],
    ["Taken", "246810", /set up on this computer already/],
  ])("tells what the host refuses: %s %s", async (name, pin, text) => {
    const page = await open("", "first-run");
    await local(page, name, pin);
    expect(await screen.findByText(text)).toBeTruthy();
  });

  it("tells what failed while it was working, and keeps what was typed", async () => {
    const page = await open("", "first-run");
    await local(page, "Locked");
    expect(await screen.findByText(/no key can be kept/)).toBeTruthy();
    expect(screen.getByRole("textbox", { name: "Your name" })).toHaveProperty("value", "Locked");
    await expectAccessible();
  });

  it.each([
    ["https://down.example.com", "smi_x", /Nothing answers at this address/],
    ["https://other.example.com", "smi_x", /not the gateway that invited you/],
    ["https://seamark.example.com", "bad", /The code was used already/],
  ])("tells why a team's gateway cannot be joined: %s %s", async (address, code, text) => {
    const page = await open("#/setup/team", "first-run");
    await page.user.type(await screen.findByRole("textbox", { name: "Address of the gateway" }), address);
    await page.user.type(screen.getByRole("textbox", { name: "Invitation code" }), code);
    await page.user.type(screen.getByRole("textbox", { name: "Name of this computer" }), "Desk 4");
    await page.user.type(screen.getByLabelText("Signing PIN"), "246810");
    await page.user.type(screen.getByLabelText("Signing PIN again"), "246810");
    await page.user.click(screen.getByRole("button", { name: "Connect" }));
    expect(await screen.findByText(text)).toBeTruthy();
    await expectAccessible();
  });
});
