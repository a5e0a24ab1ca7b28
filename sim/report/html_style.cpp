// The style sheet and the script of report.html.
#include "html_parts.h"

namespace bigmac::html {
namespace {

constexpr const char* kRules =
    R"(:root{color-scheme:light dark;--back:#fff;--text:#1b1f24;--soft:#5a6370;--rule:#d8dce2;--panel:#f7f8fa;--lane:#e8ebf0;--grid:#cfd5dd;--mark:#c01c4b}
@media (prefers-color-scheme:dark){:root{--back:#15181c;--text:#e4e7eb;--soft:#a0a8b4;--rule:#343a43;--panel:#1c2026;--lane:#22262d;--grid:#3c434d;--mark:#ff7a9c}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:13px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1288px;margin:0 auto;padding:24px}
h1{font-size:22px;line-height:1.25;margin:0 0 2px;overflow-wrap:anywhere}
h2{font-size:15px;margin:0 0 6px}
h3{font-size:13px;margin:14px 0 4px}
section{margin:28px 0 0}
p{margin:0 0 8px}
.plan{color:var(--soft);font-size:14px}.plan b{color:var(--text);margin-right:6px}
.note{color:var(--soft);max-width:110ch}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:12px;margin:14px 0 0}
.cards div{background:var(--panel);border:1px solid var(--rule);border-radius:8px;padding:10px 14px}
.pair table+.note{margin-top:8px}
.cards dt{color:var(--soft)}
.cards dd{margin:0;font-size:22px;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}
.cards .more{font-size:12px;font-weight:400;color:var(--soft)}
.wide{overflow-x:auto}
.wide>svg,.wide>table{min-width:860px}
.pair{display:grid;grid-template-columns:minmax(0,5fr) minmax(0,6fr);gap:28px;align-items:start}
@media screen and (max-width:900px){.pair{grid-template-columns:minmax(0,1fr)}}
.small{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:10px}
svg{display:block;width:100%;height:auto;font:11px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-variant-numeric:tabular-nums}
svg text{fill:var(--soft)}svg .strong{fill:var(--text);font-weight:600}
.mid{text-anchor:middle}.end{text-anchor:end}
.grid{stroke:var(--grid);stroke-width:1;fill:none}.axis{stroke:var(--soft);fill:none}
.mark{stroke:var(--mark);fill:none;stroke-width:1.5}svg .markt{fill:var(--mark);font-weight:600}
.dash{stroke-dasharray:5 4}
.dot{fill:var(--mark);stroke:var(--back);stroke-width:1.5}
.lane{fill:var(--lane);background:var(--lane)}
.num{font-size:10px;text-anchor:middle;pointer-events:none}
svg .num text{fill:#14171b}svg .num .l{fill:#fff}
.pt{fill:#1a66ab;stroke:var(--back)}.ot{fill:var(--back);stroke:var(--soft);stroke-width:1.3}
@media (prefers-color-scheme:dark){.pt{fill:#7db8ea}}
.stair{stroke:var(--soft);fill:none;stroke-dasharray:2 3}
.legend{display:flex;flex-wrap:wrap;gap:3px 18px;color:var(--soft);font-size:12px;margin:0 0 6px}
.key{display:inline-flex;align-items:center;white-space:nowrap}
.key i{width:12px;height:12px}.key i:last-of-type{margin-right:6px}
.key svg{width:14px;height:14px;margin-right:5px}
table{border-collapse:collapse;width:100%;font-size:12px;font-variant-numeric:tabular-nums}
th,td{padding:3px 10px 3px 0;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th{color:var(--soft);font-weight:600;vertical-align:bottom}
th.t,td.t{text-align:left}td.t{white-space:normal}
td:not(.t)+td.t,th:not(.t)+th.t{padding-left:16px}
th:last-child,td:last-child{padding-right:0}
tr.chosen td{font-weight:600}
th button{all:unset;cursor:pointer}th button:hover{text-decoration:underline}
th[aria-sort=ascending] button::after{content:" \2191"}th[aria-sort=descending] button::after{content:" \2193"}
.bar{display:flex;width:150px;height:10px;background:var(--lane)}.bar i{display:block;height:100%}
ul{margin:0;padding-left:18px}li{max-width:110ch;overflow-wrap:anywhere}
footer{margin-top:28px;color:var(--soft);font-size:12px}
:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
@media print{:root{--back:#fff;--text:#000;--soft:#444;--rule:#bbb;--panel:#fff;--lane:#e8ebf0;--grid:#cfd5dd;--mark:#c01c4b}
@page{size:A4 landscape;margin:12mm}
body{print-color-adjust:exact;-webkit-print-color-adjust:exact}main{padding:0;max-width:none}
.wide{overflow:visible}.wide>svg,.wide>table{min-width:0}svg,tr,.pair,.cards div{break-inside:avoid}h2,h3{break-after:avoid}.pt{fill:#1a66ab}}
)";

constexpr const char* kScript = R"(<script>
document.querySelectorAll('table.sort').forEach(table=>{
 const heads=[...table.tHead.rows[0].cells],body=table.tBodies[0];
 heads.forEach((head,column)=>{
  const button=document.createElement('button');
  if(!head.textContent)return;
  button.textContent=head.textContent;head.replaceChildren(button);
  button.onclick=()=>{
   const down=head.ariaSort==='ascending',sign=down?-1:1;
   heads.forEach(h=>h.removeAttribute('aria-sort'));head.ariaSort=down?'descending':'ascending';
   const key=row=>row.cells[column].dataset.v??row.cells[column].textContent;
   body.append(...[...body.rows].sort((a,b)=>sign*(key(a)-key(b)||key(a).localeCompare(key(b)))));
  };
 });
});
</script>
)";

}  // namespace

std::string style_sheet(const Palette& palette) { return "<style>\n" + palette.css() + kRules + "</style>\n"; }

std::string sorting_script() { return kScript; }

}  // namespace bigmac::html
