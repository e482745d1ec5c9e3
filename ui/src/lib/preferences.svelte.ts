const SINGLES = "seamark.single-keys";

/** What this window remembers by itself because nothing outside it needs to know. */
export class Preferences {
  #singleKeys = $state(read(SINGLES) !== "off");

  get singleKeys(): boolean {
    return this.#singleKeys;
  }

  set singleKeys(isOn: boolean) {
    this.#singleKeys = isOn;
    try {
      localStorage.setItem(SINGLES, isOn ? "on" : "off");
    } catch {
      // Without a place to keep it, it holds until the window closes.
    }
  }
}

function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
