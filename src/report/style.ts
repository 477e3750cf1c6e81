import { DARK, LIGHT, variables } from "./theme.ts";

/** The page's only style sheet. Print always uses the light theme. */
export const STYLE: string = `
:root{color-scheme:light dark;${variables(LIGHT)}}
@media screen and (prefers-color-scheme:dark){:root{${variables(DARK)}}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
  font:17px/1.6 Charter,"Bitstream Charter","Iowan Old Style","Palatino Linotype",Palatino,Georgia,"Liberation Serif",serif;
  font-kerning:normal;text-rendering:optimizeLegibility;overflow-wrap:break-word}
.page{max-width:66rem;margin:0 auto;padding:3.5rem 1.5rem 4rem}
h1,h2,h3,table,figure,nav,.eyebrow,.facts,.how,pre,footer{
  font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","Liberation Sans",Arial,sans-serif}
h1{font-size:clamp(1.7rem,1.2rem + 2.2vw,2.5rem);line-height:1.15;letter-spacing:-.018em;font-weight:650;margin:.35rem 0 1.1rem;text-wrap:balance;max-width:24em}
h2{font-size:1.45rem;line-height:1.25;letter-spacing:-.01em;font-weight:650;margin:0 0 .9rem}
h3{text-wrap:balance;font-size:1.02rem;line-height:1.35;font-weight:650;margin:2.2rem 0 .6rem}
p{margin:0 0 .9rem;max-width:40em;text-wrap:pretty}
section{border-top:1px solid var(--rule);margin-top:3.2rem;padding-top:1.7rem}
.eyebrow{margin:0;font-size:.82rem;color:var(--accent);font-weight:600;letter-spacing:.01em}
.lead{font-size:1.1rem;line-height:1.55}
.findings{margin:1.3rem 0 0;padding:0;list-style:none;max-width:44em}
.findings li{padding:.5rem 0 .5rem 1.1rem;border-left:2px solid var(--accent);margin-bottom:.35rem;line-height:1.5}
.findings li.plain{border-color:var(--rule)}
nav ul{display:flex;flex-wrap:wrap;gap:.3rem 1.3rem;margin:1.8rem 0 0;padding:0;list-style:none;font-size:.92rem}
a{color:var(--accent);text-underline-offset:.18em;text-decoration-thickness:1px}
a:focus-visible,.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.how{font-size:.88rem;line-height:1.55;color:var(--muted);background:var(--tint);border-radius:4px;padding:.8rem 1rem;margin:0 0 1.5rem;max-width:52rem}
.how p{max-width:none;margin:.15rem 0 0}
.how b{color:var(--ink);font-weight:600}
.how p+p{margin-top:.5rem}
.how ul{margin:.3rem 0 0;padding-left:1.1rem}
.how li{margin:.2rem 0}
dl{margin:0;max-width:44em;font-size:.92rem;line-height:1.5}
dt{font-weight:650}
dd{margin:0 0 .5rem}
.scroll{overflow-x:auto;margin:0 0 1.6rem;-webkit-overflow-scrolling:touch}
table{border-collapse:collapse;font-size:.88rem;line-height:1.35;font-variant-numeric:tabular-nums lining-nums;min-width:min(100%,36rem)}
caption{text-align:left;color:var(--muted);padding:0 0 .5rem;font-size:.88rem;line-height:1.45}
caption span,tr.group span{display:block;position:sticky;left:0;width:max-content;max-width:min(60rem,calc(100vw - 3rem))}
th,td{padding:.5rem .9rem .5rem 0;text-align:left;vertical-align:top;font-weight:400}
th:last-child,td:last-child{padding-right:.2rem}
thead th{font-weight:600;border-bottom:1.5px solid var(--ink);vertical-align:bottom;line-height:1.25}
tbody tr+tr>*{border-top:1px solid var(--rule)}
tbody+tbody tr:first-child>*{border-top:1px solid var(--rule)}
tbody tr.group>*{font-weight:600;padding-top:1rem;color:var(--muted);position:static}
tbody:first-of-type tr.group>*{padding-top:.6rem}
.num{text-align:right;white-space:nowrap}
th.num{white-space:normal}
tbody th[scope=row]{white-space:nowrap;position:sticky;left:0;background:var(--paper);z-index:1}
tbody th.name{font-weight:550}
.ci,.note{display:block;color:var(--muted);font-size:.78rem;font-weight:400;white-space:nowrap}
.best{font-weight:700}
.settings td,.settings th{padding-top:.3rem;padding-bottom:.3rem}
.settings td{max-width:30rem;overflow-wrap:anywhere}
.facts td{overflow-wrap:anywhere}
code,pre,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.92em}
pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.86rem;line-height:1.5;background:var(--tint);border-radius:4px;padding:.9rem 1rem;margin:0 0 1.4rem;white-space:pre-wrap;overflow-wrap:anywhere}
.word{display:inline-block;max-width:100%}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:1.8rem 2.2rem;margin:0 0 1.6rem}
figure{margin:0;min-width:0;max-width:34rem}
figcaption{font-size:.92rem;line-height:1.4;margin:0 0 .3rem}
figcaption b{font-weight:600}
figcaption span{display:block;color:var(--muted);font-size:.84rem}
figure svg{display:block;width:100%;height:auto;overflow:visible;color:var(--muted)}
figure svg text{white-space:pre;font-variant-numeric:tabular-nums}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.3rem;padding:0;margin:0 0 1rem;list-style:none;font:.86rem/1.4 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif}
.legend li{display:flex;align-items:center;gap:.5rem;min-width:0;overflow-wrap:anywhere}
.legend svg{flex:none}
.chip{font-weight:650;white-space:nowrap}
.chip.reproduced{color:var(--accent)}
.chip.not-reproduced{color:var(--s1)}
.chip.partly-reproduced,.chip.mixed{color:var(--s5)}
.chip.not-tested,.chip.undecided{color:var(--muted)}
.answers{margin:1.4rem 0}
.claim{color:var(--muted)}
.data-note{font-size:.92rem}
section>.findings{margin:0 0 1.6rem}
.heat{margin-bottom:.4rem}
.heat td,.heat thead th.num{padding-left:.45rem;padding-right:.45rem}
.heat thead th.num{font-size:.78rem;min-width:4.6rem;max-width:7rem}
.heat td b{font-weight:750}
details{margin:0 0 1rem}
summary{cursor:pointer;font:600 .95rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif;padding:.25rem 0}
summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
details[open]>summary{margin-bottom:.6rem}
footer{margin-top:3rem;padding-top:1rem;border-top:1px solid var(--rule);color:var(--muted);font-size:.85rem}
@media (max-width:34rem){
  body{font-size:16px}
  .page{padding:2rem 1rem 3rem}
  section{margin-top:2.4rem;padding-top:1.3rem}
  table{font-size:.82rem}
  th,td{padding-right:.6rem}
  caption span,tr.group span{max-width:calc(100vw - 3.2rem)}
  tbody th[scope=row]{white-space:normal}
  .ci,.note{font-size:.72rem}
}
@page{size:A4;margin:16mm 15mm}
@media print{
  :root{color-scheme:light;--paper:#fff}
  body{font-size:10.5pt}
  .page{max-width:none;padding:0}
  nav{display:none}
  section{margin-top:8mm;padding-top:5mm}
  h1{font-size:20pt}
  h2,h3,figcaption,caption,.legend{break-after:avoid}
  figure,tr,.short,.facts,.how,pre,.findings li{break-inside:avoid}
  tr.group{break-after:avoid}
  thead{display:table-header-group}
  .scroll{overflow:visible}
  caption span,tr.group span{width:auto;max-width:100%;position:static}
  table{font-size:8pt}
  th,td{padding-right:.5rem}
  .ci,.note{font-size:6.4pt}
  .how,pre{background:none;border:1px solid var(--rule)}
  .figures{grid-template-columns:1fr 1fr;gap:6mm}
  a{color:inherit;text-decoration:none}
  *{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
`;
