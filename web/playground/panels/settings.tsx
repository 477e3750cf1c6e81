import methods from "virtual:methods";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { playground } from "../../catalogue/playground.ts";
import { Button, NumberField, Panel, Select } from "../../shared/controls.tsx";
import { Swatch } from "../../shared/legend.tsx";
import { learnedNames, runName } from "../look.ts";
import { DATA } from "../model/data.ts";
import {
  defaultRate,
  type MethodChoice,
  readMethod,
  SCHEDULES,
  strengthOf,
  writeMethod,
} from "../model/method.ts";
import { MODELS, RANGES, RUNS } from "../state.ts";
import { change, opened, ownNames, state, tracks } from "../store.ts";
import { keepWeights } from "../zoo.ts";

const text = playground.settings;
const words = playground.runs;

/** Problem and optimizers: everything that starts the trainings anew. */
export function Settings(): JSX.Element {
  return (
    <div class="settings">
      <ProblemSettings />
      <RunSettings />
    </div>
  );
}

function ProblemSettings(): JSX.Element {
  const { data, model, hidden, depth, batch, steps, seed } = state.value;
  const surface = data === "surface";
  const number = (
    name: keyof typeof RANGES & ("hidden" | "depth" | "batch" | "steps" | "seed"),
    value: number,
  ) => (
    <NumberField
      label={text[name]}
      name={name}
      value={value}
      min={RANGES[name][0]}
      max={RANGES[name][1]}
      step={1}
      onChange={(next) => change({ [name]: next })}
    />
  );
  return (
    <Panel id="problem" title={text.title}>
      <div class="row">
        <Select
          label={text.data}
          name="data"
          value={data}
          options={DATA.map((value) => [value, text.datasets[value]])}
          onChange={(value) => change({ data: value })}
        />
        {!surface && (
          <>
            <Select
              label={text.model}
              name="model"
              value={model}
              options={MODELS.filter((value) => value !== "cnn" || data === "digits28").map((value) => [
                value,
                text.models[value],
              ])}
              onChange={(value) => change({ model: value })}
            />
            {model !== "cnn" && number("hidden", hidden)}
            {model !== "cnn" && number("depth", depth)}
            {number("batch", batch)}
          </>
        )}
        {number("steps", steps)}
        {number("seed", seed)}
      </div>
      {opened.value && <p class="muted">{text.parameters(opened.value.size)}</p>}
    </Panel>
  );
}

function RunSettings(): JSX.Element {
  const { runs, inspect } = state.value;
  const note = useSignal("");
  const replace = (place: number, spec: string): void =>
    change({ runs: runs.map((run, i) => (i === place ? spec : run)) });
  const take = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    const name = `file:${file.name}`;
    keepWeights(name, new Uint8Array(await file.arrayBuffer()));
    addOwn(name);
    note.value = words.dropped(file.name);
  };
  return (
    <Panel id="runs" title={words.title}>
      <p class="muted">{words.same}</p>
      {runs.map((spec, place) => (
        <RunRow
          key={place}
          place={place}
          choice={readMethod(spec)}
          onChange={(choice) => replace(place, writeMethod(choice))}
          onRemove={
            runs.length > RUNS.least
              ? () =>
                  change({
                    runs: runs.filter((_, i) => i !== place),
                    inspect: inspect > place ? inspect - 1 : inspect,
                  })
              : undefined
          }
        />
      ))}
      <div class="row">
        <Button
          name="add"
          disabled={runs.length >= RUNS.most}
          onClick={() => change({ runs: [...runs, "momentum:lr=0.1"] })}
        >
          {words.add}
        </Button>
        <label
          class="drop"
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            event.preventDefault();
            void take(event.dataTransfer?.files[0]);
          }}
        >
          {words.drop}
          <input
            type="file"
            name="file"
            accept=".safetensors"
            onChange={(event) => void take(event.currentTarget.files?.[0])}
          />
        </label>
      </div>
      {note.value !== "" && <p role="status">{note.value}</p>}
    </Panel>
  );
}

/** Makes a learned optimizer, whose weights are kept, the last run. */
export function addOwn(name: string): void {
  const { runs } = state.value;
  if (!ownNames.value.includes(name)) ownNames.value = [...ownNames.value, name];
  const kept = runs.length < RUNS.most ? runs : runs.slice(0, -1);
  // the same name may stand for other weights now
  change({ runs: [...kept.filter((run) => !run.startsWith(name)), name], inspect: RUNS.most });
}

function RunRow({
  place,
  choice,
  onChange,
  onRemove,
}: {
  place: number;
  choice: MethodChoice;
  onChange: (choice: MethodChoice) => void;
  onRemove: (() => void) | undefined;
}): JSX.Element {
  const { zoo, own } = learnedNames();
  const { optimizer, learned, rate, schedule, regularizer, strength } = choice;
  const setting = strengthOf(regularizer);
  const diverged = tracks.value[place]?.divergedAt;
  const group = (label: string, names: readonly string[]): JSX.Element | false =>
    names.length > 0 && (
      <optgroup label={label}>
        {names.map((name) => (
          <option key={name} value={name} selected={name === optimizer}>
            {runName(name)}
          </option>
        ))}
      </optgroup>
    );
  const choose = (name: string): void => {
    const isLearned = name.includes(":");
    onChange({ ...choice, optimizer: name, learned: isLearned, rate: isLearned ? 1 : defaultRate(name) });
  };
  return (
    <fieldset class="run row" name={`run${place}`}>
      <legend class="visually-hidden">{words.optimizer(place)}</legend>
      <label class="field">
        <span>
          <Swatch place={place} /> {words.optimizer(place)}
        </span>
        <select name="optimizer" value={optimizer} onChange={(event) => choose(event.currentTarget.value)}>
          {group(words.handDesigned, Object.keys(methods.optimizers))}
          {group(words.zoo, [
            ...zoo,
            ...(learned && optimizer.startsWith("zoo:") && !zoo.includes(optimizer) ? [optimizer] : []),
          ])}
          {group(words.own, [
            ...own,
            ...(learned && !optimizer.startsWith("zoo:") && !own.includes(optimizer) ? [optimizer] : []),
          ])}
        </select>
      </label>
      <NumberField
        label={learned ? words.factor : words.rate}
        name="rate"
        value={rate}
        min={1e-9}
        onChange={(value) => onChange({ ...choice, rate: value })}
      />
      <Select
        label={words.schedule}
        name="schedule"
        value={schedule}
        options={SCHEDULES.map((value) => [value, words.schedules[value]])}
        onChange={(value) => onChange({ ...choice, schedule: value })}
      />
      <Select
        label={words.regularizer}
        name="regularizer"
        value={regularizer}
        options={Object.keys(methods.regularizers).map((value) => [
          value,
          value === "none" ? words.none : value,
        ])}
        onChange={(value) =>
          onChange({ ...choice, regularizer: value, strength: strengthOf(value)?.byDefault ?? 0 })
        }
      />
      {setting && (
        <NumberField
          label={setting.name}
          name="strength"
          value={strength}
          min={0}
          onChange={(value) => onChange({ ...choice, strength: value })}
        />
      )}
      {onRemove && (
        <Button kind="plain" name="remove" hint={words.remove(place)} onClick={onRemove}>
          ✕
        </Button>
      )}
      {diverged !== undefined && <span class="error">{words.diverged(diverged)}</span>}
    </fieldset>
  );
}
