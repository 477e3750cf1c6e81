import "virtual:tokens.css";
import "../shared/style.css";
import { render } from "preact";
import { playground } from "../catalogue/playground.ts";
import { ThemeButton } from "../shared/theme-button.tsx";

document.title = playground.title;
render(
  <main>
    <h1>{playground.title}</h1>
    <ThemeButton />
  </main>,
  document.getElementById("app")!,
);
