/** The two live regions of the page. `status` waits its turn; `alert` interrupts, and is for the open item only. */
export class Say {
  status = $state("");
  alert = $state("");

  politely(text: string): void {
    // A changed text is announced; the same one again is not, so it is emptied first by whoever repeats it.
    this.status = text;
  }

  now(text: string): void {
    this.alert = text;
  }
}
