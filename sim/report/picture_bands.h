// Rows whose operations are too narrow to be drawn one by one. Private to the report's pages.
#pragma once

#include <string>

#include "html_parts.h"

namespace bigmac::html {

/// One path a colour. Every column of kBand pixels takes the colour that is owed most: what each colour covers is added
/// up along the row, and the column's width is taken from the one with the largest sum (Bresenham's idea, with idle as
/// one colour more). So colours appear in proportion to their time, in the legend's own shades, wherever they mix.
///
/// Example: forwards of 1 and backwards of 2, both far narrower than a column: B F B, B F B, ...
std::string row_bands(const Page& page, std::uint32_t rank, const Scale& x, double height);

}  // namespace bigmac::html
