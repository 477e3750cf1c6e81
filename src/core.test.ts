import { expect, it } from "vitest";
import { classificationFamily, type Dataset, foldIn, key, parseModel, resized } from "./core.ts";

it("trains on data handed in as arrays", () => {
  /** Stripes: the class is their direction. */
  const stripes = (count: number): Dataset => ({
    name: "stripes",
    images: Uint8Array.from({ length: count * 256 }, (_, i) => {
      const [image, row, column] = [i >> 8, (i >> 4) & 15, i & 15];
      const along = image % 2 === 0 ? row : column;
      return ((along + (image >> 1)) & 4) === 0 ? 40 : 215;
    }),
    labels: Uint8Array.from({ length: count }, (_, i) => i % 2),
    count,
    height: 16,
    width: 16,
    channels: 1,
    classes: 2,
  });
  const data = { train: resized(stripes(200), 8), test: resized(stripes(40), 8) };
  const family = classificationFamily(
    "stripes",
    data,
    parseModel("mlp-relu:hidden=16,batch=16,init=he+reparam:low=0.5,high=2"),
  );
  const task = family.sample(key(0));
  const params = new Float32Array(task.layout.size);
  const gradient = new Float32Array(task.layout.size);
  task.init(key(1), params);
  const objective = task.objective();
  for (let step = 0; step < 150; step++) {
    objective.lossAndGradient(params, foldIn(key(2), step), gradient);
    for (let i = 0; i < params.length; i++) params[i] = params[i]! - 0.2 * gradient[i]!;
  }
  expect(task.evaluate(params, "test").metrics.accuracy).toBe(1);
  family.close();
});
