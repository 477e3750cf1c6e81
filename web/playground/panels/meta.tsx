import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { playground } from "../../catalogue/playground.ts";
import { Button, Panel, Select } from "../../shared/controls.tsx";
import { DownloadButtons } from "../../shared/download.tsx";
import { Plot, type PlotOptions } from "../../shared/plot.tsx";
import { save } from "../../shared/save.ts";
import { digits } from "../look.ts";
import { SMALL_ARCHITECTURES } from "../model/architectures.ts";
import { TOYS } from "../model/data.ts";
import type { MetaNews, MetaOrder } from "../protocol.ts";
import { state } from "../store.ts";
import { startWorker } from "../workers/start.ts";
import { keepWeights } from "../zoo.ts";
import { RuleCurve } from "./rule-curve.tsx";
import { addOwn } from "./settings.tsx";

const text = playground.meta;
const OUTER_STEPS = 1500;
/** Name of the optimizer that was trained here. */
const MINE = "mine:trained-here";

const architecture = signal<(typeof SMALL_ARCHITECTURES)[number]>("lstm:hidden=8");
const estimator = signal<MetaOrder["estimator"]>("pes");
const data = signal<(typeof TOYS)[number]>("moons");
const history = signal<readonly Pick<MetaNews, "outerStep" | "metaLoss">[]>([]);
const news = signal<MetaNews | undefined>(undefined);
const worker = signal<Worker | undefined>(undefined);
const trouble = signal("");

/** Meta-trains a small learned optimizer in a worker, and shows its update rule as it forms. */
export function MetaPanel(): JSX.Element {
  const latest = news.value;
  const plot: PlotOptions = {
    x: history.value.map(({ outerStep }) => outerStep),
    series: [{ label: text.loss, place: 3, values: history.value.map(({ metaLoss }) => metaLoss) }],
    xLabel: text.outerStep,
    yLabel: text.loss,
    height: 150,
  };
  const bptt = architecture.value !== "mlp";
  return (
    <Panel id="meta" title={text.title}>
      <p class="muted">{text.about}</p>
      <div class="row">
        <Select
          label={text.architecture}
          name="architecture"
          value={architecture.value}
          options={SMALL_ARCHITECTURES.map((value) => [value, text.architectures[value]])}
          onChange={(value) => {
            architecture.value = value;
            if (value === "mlp") estimator.value = "pes";
          }}
        />
        <Select
          label={text.estimator}
          name="estimator"
          value={estimator.value}
          options={(bptt ? (["pes", "bptt"] as const) : (["pes"] as const)).map((value) => [
            value,
            text.estimators[value],
          ])}
          onChange={(value) => {
            estimator.value = value;
          }}
        />
        <Select
          label={text.data}
          name="metaData"
          value={data.value}
          options={TOYS.map((value) => [value, playground.settings.datasets[value]])}
          onChange={(value) => {
            data.value = value;
          }}
        />
        {worker.value === undefined ? (
          <Button name="metaStart" kind="primary" onClick={begin}>
            {text.start}
          </Button>
        ) : (
          <Button name="metaStop" onClick={end}>
            {text.stop}
          </Button>
        )}
      </div>
      {trouble.value !== "" && <p class="error">{trouble.value}</p>}
      {latest !== undefined && (
        <>
          <p>
            <output name="metaProgress">{text.progress(latest.outerStep, OUTER_STEPS)}</output>
          </p>
          <div class="pair">
            <figure>
              <figcaption>
                {text.loss}
                <DownloadButtons picture={() => ({ name: "meta-loss", plot })} />
              </figcaption>
              <Plot {...plot} description={text.describeLoss(digits(latest.metaLoss))} />
            </figure>
            <figure>
              <figcaption>{text.rule}</figcaption>
              <RuleCurve
                gradients={latest.gradients}
                updates={latest.updates}
                place={3}
                description={text.describeRule}
                name="meta-trained-rule"
              />
            </figure>
          </div>
          <div class="row">
            <Button
              name="metaUse"
              onClick={() => {
                keepWeights(MINE, latest.weights);
                addOwn(MINE);
              }}
            >
              {text.use}
            </Button>
            <Button
              name="metaSave"
              onClick={() =>
                save("trained-here.safetensors", new Blob([latest.weights as Uint8Array<ArrayBuffer>]))
              }
            >
              {text.save}
            </Button>
          </div>
        </>
      )}
    </Panel>
  );
}

function begin(): void {
  history.value = [];
  news.value = undefined;
  trouble.value = "";
  const started = startWorker("meta");
  started.addEventListener(
    "message",
    ({ data: told }: MessageEvent<MetaNews | { readonly error: string }>) => {
      if (worker.value !== started) return;
      if ("error" in told) {
        trouble.value = told.error;
        end();
        return;
      }
      history.value = [...history.value, told];
      news.value = told;
      if (told.done) end();
    },
  );
  worker.value = started;
  const order: MetaOrder = {
    architecture: architecture.value,
    estimator: estimator.value,
    data: data.value,
    seed: state.value.seed,
    outerSteps: OUTER_STEPS,
  };
  started.postMessage(order);
}

function end(): void {
  worker.value?.terminate();
  worker.value = undefined;
}
