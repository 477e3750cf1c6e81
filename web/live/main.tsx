import "virtual:tokens.css";
import "../shared/style.css";
import { render } from "preact";
import { live } from "../catalogue/live.ts";
import { ThemeButton } from "../shared/theme-button.tsx";

document.title = live.title;
render(
  <main>
    <h1>{live.title}</h1>
    <ThemeButton />
  </main>,
  document.getElementById("app")!,
);
