// An SVG in the formats of pictures. The home of librsvg and cairo; without them there is SVG alone.
#pragma once

#include <string>
#include <vector>

namespace bigmac::apps {

/// ".svg", and where the project was built with librsvg ".png" and ".pdf".
const std::vector<std::string>& picture_endings();

/// The bytes of a file with that ending; PNG at twice the SVG's pixels, PDF with text as text. Throws Error{bad_input}
/// when the SVG cannot be drawn.
std::string picture_as(const std::string& svg, const std::string& ending);

}  // namespace bigmac::apps
