// What a search leaves behind as text: tables for people, pareto.json and pareto.csv for machines.
#pragma once

#include <string>

#include "bigmac/planner/search.h"
#include "bigmac/report/html.h"

namespace bigmac {

/// The ranking, in 80 columns: time, MFU, bubble, memory, what bounds it.
std::string ranking_table(const std::vector<Evaluation>& best);
/// One line: candidates, pruned, simulated.
std::string counts_line(const SearchCounts& counts);
/// How far the best plan may be from the best there is: two lines.
std::string proof_lines(const SearchResult& result);
/// Combinations no trainer could run, by reason, most frequent first.
std::string exclusions(const SearchCounts& counts);

std::string pareto_json(const Job& job, const SearchResult& result, Bytes memory_limit);
std::string pareto_csv(const SearchResult& result);
/// For --json: the ranking, the front and the counts.
std::string search_json(const Job& job, const SearchResult& result, Bytes memory_limit);

/// Facts and rows for report.html.
HtmlReport html_report(const Job& job, const SearchResult& result, const std::vector<std::string>& notes,
                       Bytes memory_limit);

/// Adds the schedules of the ranking and the front to the page, up to 400,000 operations in all, and says what was left
/// out. The same page for any number of threads.
void add_drawings(const Job& job, const SearchResult& result, const ProfileCache& cache, int threads,
                  HtmlReport& report);

/// "80GB", "80 GiB", "85899345920": decimal and binary units. Throws Error{bad_input} at `where`.
Bytes parse_bytes(const std::string& text, const std::string& where);

}  // namespace bigmac
