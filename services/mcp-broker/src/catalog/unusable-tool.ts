/** Stands in a listing for what the transport itself could not make a tool of, so that the status says why. */
export class UnusableTool {
  readonly name: string;
  readonly reason: string;

  constructor(name: string, reason: string) {
    this.name = name;
    this.reason = reason;
  }
}
