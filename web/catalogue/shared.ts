/** Text of what both pages use. */
export const shared = {
  theme: (choice: string): string => `Colours: ${choice}`,
  download: (format: string): string => `Download as ${format}`,
} as const;
