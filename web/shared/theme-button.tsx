import type { JSX } from "preact";
import { shared } from "../catalogue/shared.ts";
import { Button } from "./controls.tsx";
import { type ThemeChoice, themeChoice } from "./theme.ts";

const NEXT: Readonly<Record<ThemeChoice, ThemeChoice>> = { system: "light", light: "dark", dark: "system" };
const SIGN: Readonly<Record<ThemeChoice, string>> = { system: "◐", light: "☀", dark: "☾" };

/** Goes through system, light and dark. */
export function ThemeButton(): JSX.Element {
  const choice = themeChoice.value;
  return (
    <Button
      kind="plain"
      name="theme"
      hint={shared.theme(choice)}
      onClick={() => {
        themeChoice.value = NEXT[choice];
      }}
    >
      {SIGN[choice]}
    </Button>
  );
}
