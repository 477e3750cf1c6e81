import { expect, it } from "vitest";
import { formatTable } from "./table.ts";

it("formatTable aligns words left, numbers right, and leaves no trailing blanks", () => {
  const rows = [
    ["größe", 0.25, "91.5 ± 0.2", ""],
    ["sgd", 10, "—", "note"],
  ];
  expect(formatTable(["name", "loss", "accuracy", ""], rows).split("\n")).toEqual([
    "name   loss    accuracy",
    "größe  0.25  91.5 ± 0.2",
    "sgd      10           —  note",
  ]);
  expect(formatTable(["name", "loss"], [])).toBe("name  loss");
});
