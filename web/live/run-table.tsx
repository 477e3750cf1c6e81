import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { RunSummary } from "../../src/serve/protocol.ts";
import { live } from "../catalogue/live.ts";
import { Button, Select } from "../shared/controls.tsx";
import { Swatch } from "../shared/legend.tsx";
import { countText, durationText, momentText, numberText } from "./format.ts";
import { differingFields, type Group, hasCurves } from "./groups.ts";
import { choices, choose } from "./state.ts";
import { groups, listed, runs, shown } from "./store.ts";

/** Rows of the table until more are asked for. */
const ROWS = 200;
const STATUSES = ["running", "finished", "crashed", "waiting"] as const;

/** What the list is filtered, grouped and sorted by. */
export function ListControls(): JSX.Element {
  const { filter, status, group, sort } = choices.value;
  const fields = useMemo(() => differingFields(runs.value.filter(hasCurves)), [runs.value]);
  const groupings = [...new Set([...fields, group])].filter((field) => !["none", "seeds"].includes(field));
  return (
    <search class="row">
      <label class="field filter">
        {live.filter}
        <input
          type="search"
          name="filter"
          value={filter}
          placeholder={live.filterHint}
          onInput={(event) => choose({ filter: event.currentTarget.value })}
        />
      </label>
      <Select
        label={live.statusLabel}
        name="status"
        value={status}
        options={[["", live.anyStatus], ...STATUSES.map((value) => [value, live.status[value]] as const)]}
        onChange={(value) => choose({ status: value })}
      />
      <Select
        label={live.groupBy}
        name="group"
        value={group}
        options={[
          ["none", live.groupNone],
          ["seeds", live.groupSeeds],
          ...groupings.map((field) => [field, field] as const),
        ]}
        onChange={(value) => choose({ group: value })}
      />
      <span class="muted count" role="status">
        {live.runs(listed.value.length, runs.value.length)}
      </span>
      {choices.value.shown !== undefined && (
        <Button kind="plain" name="latest" onClick={() => choose({ shown: undefined })}>
          {live.clear}
        </Button>
      )}
      <span class="visually-hidden">{live.sort[sort]}</span>
    </search>
  );
}

/** Every run the filter leaves, grouped, with what it is at. */
export function RunTable({ places }: { places: ReadonlyMap<string, number> }): JSX.Element {
  const [rows, setRows] = useState(ROWS);
  if (listed.value.length === 0) {
    return <p class="muted">{runs.value.length === 0 ? live.none : live.noneMatch}</p>;
  }
  const { columns } = live;
  let left = rows;
  const bodies = groups.value.flatMap((group) => {
    if (left <= 0) return [];
    const members = group.runs.slice(0, left);
    left -= members.length;
    return [<GroupRows key={group.key} group={group} members={members} place={places.get(group.key)} />];
  });
  const hidden = listed.value.length - rows;
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys */}
      <section class="scroll" tabIndex={0} aria-label={live.title}>
        <table class="runs">
          <thead>
            <tr>
              <th scope="col">
                <span class="visually-hidden">{columns.show}</span>
              </th>
              <Heading by="name" />
              <th scope="col">{columns.status}</th>
              <th scope="col" class="num">
                {columns.progress}
              </th>
              <th scope="col" class="num">
                {columns.left}
              </th>
              <th scope="col" class="num">
                {columns.metaLoss}
              </th>
              <Heading by="best" numeric />
              <th scope="col" class="num">
                {columns.gradient}
              </th>
              <th scope="col" class="num">
                {columns.diverged}
              </th>
              <Heading by="updated" numeric />
            </tr>
          </thead>
          {bodies}
        </table>
      </section>
      {hidden > 0 && (
        <Button onClick={() => setRows(rows + ROWS)}>{live.more(Math.min(ROWS, hidden))}</Button>
      )}
    </>
  );
}

/** The head of a column that the list can be sorted by. */
function Heading({
  by,
  numeric = false,
}: {
  by: "name" | "best" | "updated";
  numeric?: boolean;
}): JSX.Element {
  const sorted = choices.value.sort === by;
  return (
    <th
      scope="col"
      class={numeric ? "num" : undefined}
      aria-sort={sorted ? (by === "updated" ? "descending" : "ascending") : "none"}
    >
      <button type="button" class="sort" name={`sort-${by}`} onClick={() => choose({ sort: by })}>
        {live.sort[by]}
        <span aria-hidden="true">{sorted ? (by === "updated" ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
}

function GroupRows({
  group,
  members,
  place,
}: {
  group: Group;
  members: readonly RunSummary[];
  place: number | undefined;
}): JSX.Element {
  const on = group.runs.filter(({ id }) => shown.value.has(id)).length;
  const together = group.runs.length > 1;
  return (
    <tbody>
      {together && (
        <tr class="group">
          <td>
            <Show
              name={group.label}
              ids={group.runs.map(({ id }) => id)}
              checked={on === group.runs.length}
              partly={on > 0 && on < group.runs.length}
            />
          </td>
          <th scope="rowgroup" colSpan={9}>
            {place !== undefined && <Swatch place={place} />} {group.label}{" "}
            <span class="muted">{live.members(group.runs.length)}</span>
          </th>
        </tr>
      )}
      {members.map((run) => (
        <RunRow
          key={run.id}
          run={run}
          checked={shown.value.has(run.id)}
          place={together ? undefined : place}
          opened={choices.value.open === run.id}
        />
      ))}
    </tbody>
  );
}

function RunRow({
  run,
  checked,
  place,
  opened,
}: {
  run: RunSummary;
  checked: boolean;
  place: number | undefined;
  opened: boolean;
}): JSX.Element {
  // most runs are as they were when one of hundreds changes
  return useMemo(() => {
    const { id, name, status, done, total, etaSeconds, last, best, diverged, updatedMs } = run;
    return (
      <tr class={opened ? "opened" : undefined} data-run={id}>
        <td>{hasCurves(run) && <Show name={name} ids={[id]} checked={checked} />}</td>
        <th scope="row">
          {place !== undefined && <Swatch place={place} />}{" "}
          <a
            href={`?open=${id}`}
            title={live.open(name)}
            onClick={(event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey) return;
              event.preventDefault();
              choose({ open: opened ? "" : id });
            }}
          >
            {name}
          </a>
        </th>
        <td>
          <Status status={status} />
        </td>
        <td class="num">
          {countText(done)}
          {total !== undefined && (
            <>
              {" "}
              <span class="muted">/ {countText(total)}</span>
              <progress max={Math.max(1, total)} value={Math.min(done, total)} aria-hidden="true" />
            </>
          )}
        </td>
        <td class="num">{etaSeconds === undefined ? "" : durationText(etaSeconds)}</td>
        <td class="num">{numberText(last.metaLoss ?? last.loss)}</td>
        <td class="num">{numberText(best?.loss)}</td>
        <td class="num">{numberText(last.metaGradientNorm)}</td>
        <td class="num">{diverged === undefined ? live.missing : countText(diverged)}</td>
        <td class="num">{momentText(updatedMs)}</td>
      </tr>
    );
  }, [run, checked, place, opened]);
}

/** Where a run is at, as a word with a mark of its own. */
export function Status({ status }: { status: RunSummary["status"] }): JSX.Element {
  return (
    <span class={`status ${status}`} title={live.statusMeans[status]}>
      {live.status[status]}
    </span>
  );
}

/** Whether the curves of some runs are shown. */
function Show({
  name,
  ids,
  checked,
  partly = false,
}: {
  name: string;
  ids: readonly string[];
  checked: boolean;
  partly?: boolean;
}): JSX.Element {
  return (
    <input
      type="checkbox"
      aria-label={live.show(name)}
      checked={checked}
      indeterminate={partly}
      onChange={() => {
        const next = new Set(shown.value);
        for (const id of ids) {
          if (checked) next.delete(id);
          else next.add(id);
        }
        choose({ shown: [...next] });
      }}
    />
  );
}
