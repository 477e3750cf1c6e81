/** Text of the live page. */
export const live = {
  title: "Lowland runs",
} as const;
