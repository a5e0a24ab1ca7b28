// All operations of a file by what they compute, checked to be complete.
//
// Internal to the oracle.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "oracle/oracle_file.h"

namespace bigmac::oracle {

/// All operations, and where each work's parts are.
struct Table {
  File file;
  std::map<Work, std::vector<Op*>> parts;  ///< in order of part

  bool has(Work work, char op) const {
    work.op = op;
    return parts.contains(work);
  }
  /// The works that hand on the gradient: B, or I where the backward is split.
  Work gradient(Work work) const {
    work.op = has(work, 'B') ? 'B' : 'I';
    return work;
  }
};

/// Fills `parts`; throws Problem unless every part of a work stands once, in order, on one rank.
void collect_parts(Table& table);

/// Throws Problem unless every forward and backward is there and no backward is both whole and split.
/// An encoder without any backward at all is frozen, and complete.
void check_complete(const Table& table);

}  // namespace bigmac::oracle
