import type { ComponentChildren, JSX } from "preact";

/** A choice from a list; options are [value, label]. */
export function Select<T extends string>({
  label,
  value,
  options,
  onChange,
  name,
}: {
  label: string;
  value: T;
  options: readonly (readonly [value: T, label: string])[];
  onChange: (value: T) => void;
  name?: string;
}): JSX.Element {
  return (
    <label class="field">
      {label}
      <select name={name} value={value} onChange={(event) => onChange(event.currentTarget.value as T)}>
        {options.map(([option, text]) => (
          <option key={option} value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A number; what cannot be one, or is out of range, is not handed on. */
export function NumberField({
  label,
  value,
  onChange,
  min,
  max,
  step = "any",
  name,
}: {
  label: string;
  value: number;
  onChange: (value: number) => void;
  min?: number;
  max?: number;
  step?: number | "any";
  name?: string;
}): JSX.Element {
  const take = (input: HTMLInputElement): void => {
    const number = Number(input.value);
    if (input.value !== "" && Number.isFinite(number) && input.validity.valid) onChange(number);
    else input.value = String(value);
  };
  return (
    <label class="field">
      {label}
      <input
        type="number"
        name={name}
        value={value}
        min={min}
        max={max}
        step={step}
        onChange={(event) => take(event.currentTarget)}
      />
    </label>
  );
}

/** A button; `pressed` makes it a toggle, `hint` is what it is called where its face is a symbol. */
export function Button({
  children,
  onClick,
  hint,
  pressed,
  kind = "",
  disabled = false,
  name,
}: {
  children: ComponentChildren;
  onClick: () => void;
  hint?: string;
  pressed?: boolean;
  kind?: "" | "primary" | "plain";
  disabled?: boolean;
  name?: string;
}): JSX.Element {
  return (
    <button
      type="button"
      class={kind}
      name={name}
      title={hint}
      aria-label={hint}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

/** A part of the page with a heading, and buttons beside it. */
export function Panel({
  id,
  title,
  actions,
  children,
}: {
  id: string;
  title: string;
  actions?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <section class="panel" id={id} aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        <div>{actions}</div>
      </header>
      {children}
    </section>
  );
}
