// Rows whose operations are too narrow to be drawn one by one: pictures of many ranks, and text. Private to the
// report's pages.
#pragma once

#include <string>
#include <vector>

#include "html_parts.h"

namespace bigmac::html {

/// One paint (index into Palette::paints()) for each column `width` wide of x's range; paints().size() is idle. Every
/// column takes the colour that is owed most: what each colour covers is added up along the row, and the column's width
/// is taken from the one with the largest sum (Bresenham's idea, with idle as one colour more). So colours appear in
/// proportion to their time, in the legend's own shades, wherever they mix.
///
/// Example: forwards of 1 and backwards of 2, both far narrower than a column: B F B, B F B, ...
std::vector<std::size_t> owed_columns(const Page& page, std::uint32_t rank, const Scale& x, double width);

/// A row of such columns `height` high: one path a colour.
std::string row_bands(const Page& page, std::uint32_t rank, const Scale& x, double height);

}  // namespace bigmac::html
