import "virtual:tokens.css";
import "../shared/style.css";
import "./live.css";
import type { JSX } from "preact";
import { render } from "preact";
import { live } from "../catalogue/live.ts";
import { ThemeButton } from "../shared/theme-button.tsx";
import { Compare } from "./compare.tsx";
import { CurveGrid, placesOf } from "./curve-grid.tsx";
import { Detail } from "./detail.tsx";
import { ListControls, RunTable } from "./run-table.tsx";
import { connectAddress } from "./state.ts";
import { connect, connection, drawn } from "./store.ts";

function Page(): JSX.Element {
  const places = placesOf(drawn.value);
  return (
    <main>
      <header class="top">
        <h1>{live.title}</h1>
        <span class={`connection ${connection.value}`} role="status">
          {live[connection.value]}
        </span>
        <ThemeButton />
      </header>
      <ListControls />
      <RunTable places={places} />
      <Detail />
      {drawn.value.length > 0 && <CurveGrid places={places} />}
      <Compare places={places} />
    </main>
  );
}

document.title = live.title;
connectAddress();
connect();
render(<Page />, document.getElementById("app")!);
