import { describe, expect, it } from "vitest";
import { formatBytes, formatDuration, Progress } from "./progress.ts";

function setUp(terminal: boolean): {
  written: string[];
  at: (ms: number) => void;
  make: (options?: { total?: number; start?: number }) => Progress;
} {
  const written: string[] = [];
  let nowMs = 0;
  return {
    written,
    at: (ms) => {
      nowMs = ms;
    },
    make: (options = { total: 100 }) =>
      new Progress("train", {
        unit: "steps",
        stream: { isTTY: terminal, columns: 60, write: (text) => written.push(text) },
        now: () => nowMs,
        ...options,
      }),
  };
}

describe("Progress", () => {
  it.each([true, false])("stays silent for work under two seconds (terminal: %s)", (terminal) => {
    const { written, at, make } = setUp(terminal);
    const progress = make();
    for (let ms = 0; ms < 2000; ms += 100) {
      at(ms);
      progress.update(ms / 100);
    }
    progress.close();
    expect(written).toEqual([]);
  });

  it("rewrites one line on a terminal, with rate and time left, and clears it", () => {
    const { written, at, make } = setUp(true);
    const progress = make();
    at(2000);
    progress.update(20, "loss 0.5");
    at(2050);
    progress.update(21);
    at(4000);
    progress.update(40, "x".repeat(100));
    progress.close();
    expect(written[0]).toBe("\r\u001b[Ktrain 20/100 steps · 10/s · ETA 0:08 · loss 0.5");
    expect(written[1]).toContain("train 40/100 steps · 10/s · ETA 0:06 · xxx");
    expect(written[1]!.length).toBe("\r\u001b[K".length + 59);
    expect(written[2]).toBe("\r\u001b[K");
    expect(written).toHaveLength(3);
  });

  it("writes a plain line every ten seconds elsewhere, and the last state", () => {
    const { written, at, make } = setUp(false);
    const progress = make();
    for (let second = 1; second <= 25; second++) {
      at(second * 1000);
      progress.update(second * 2);
    }
    progress.close();
    expect(written).toEqual([
      "train 4/100 steps · 2/s · ETA 0:48\n",
      "train 24/100 steps · 2/s · ETA 0:38\n",
      "train 44/100 steps · 2/s · ETA 0:28\n",
      "train 50/100 steps · 2/s · ETA 0:25\n",
    ]);
  });

  it("counts the rate of a resumed run from where it started, and says seconds each when slow", () => {
    const { written, at, make } = setUp(false);
    const progress = make({ start: 90, total: 100 });
    at(60_000);
    progress.update(91);
    expect(written).toEqual(["train 91/100 steps · 1:00 each · ETA 9:00\n"]);
  });

  it("leaves the time left out when the total is not known", () => {
    const { written, at, make } = setUp(false);
    const progress = make({});
    at(2000);
    progress.update(300);
    expect(written).toEqual(["train 300 steps · 150/s\n"]);
  });
});

describe("formats", () => {
  it("of durations and bytes are those people read", () => {
    expect([0, 59.2, 61, 3661].map(formatDuration)).toEqual(["0:00", "1:00", "1:01", "1:01:01"]);
    expect([500, 12.34e6, 2e9].map(formatBytes)).toEqual(["0.5 kB", "12.3 MB", "2.00 GB"]);
  });
});
