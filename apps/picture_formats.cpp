#include "picture_formats.h"

#include "bigmac/base/error.h"

#ifdef BIGMAC_HAVE_RSVG
#include <memory>

#include <cairo-pdf.h>
#include <librsvg/rsvg.h>
#endif

namespace bigmac::apps {

#ifdef BIGMAC_HAVE_RSVG
namespace {

constexpr double kPngScale = 2;

cairo_status_t append(void* text, const unsigned char* data, unsigned int size) {
  static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(data), size);
  return CAIRO_STATUS_SUCCESS;
}

template <auto Release>
struct Releases {
  template <class T>
  void operator()(T* object) const {
    Release(object);
  }
};
using Handle = std::unique_ptr<RsvgHandle, Releases<g_object_unref>>;
using Surface = std::unique_ptr<cairo_surface_t, Releases<cairo_surface_destroy>>;
using Context = std::unique_ptr<cairo_t, Releases<cairo_destroy>>;

void draw(RsvgHandle* handle, cairo_surface_t* surface, double width, double height) {
  const Context context(cairo_create(surface));
  const RsvgRectangle whole{0, 0, width, height};
  if (!rsvg_handle_render_document(handle, context.get(), &whole, nullptr))
    bad_input("picture", "librsvg could not draw it");
}

}  // namespace

const std::vector<std::string>& picture_endings() {
  static const std::vector<std::string> endings = {".svg", ".png", ".pdf"};
  return endings;
}

std::string picture_as(const std::string& svg, const std::string& ending) {
  if (ending == ".svg") return svg;
  const Handle handle(rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), nullptr));
  double width = 0, height = 0;
  if (!handle || !rsvg_handle_get_intrinsic_size_in_pixels(handle.get(), &width, &height))
    bad_input("picture", "librsvg could not read it");
  std::string out;
  if (ending == ".png") {
    width *= kPngScale, height *= kPngScale;
    const Surface surface(
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width), static_cast<int>(height)));
    draw(handle.get(), surface.get(), width, height);
    if (cairo_surface_write_to_png_stream(surface.get(), append, &out) != CAIRO_STATUS_SUCCESS)
      bad_input("picture", "cairo could not draw a picture of this size");
  } else {
    // A point is 4/3 of a pixel.
    const Surface surface(cairo_pdf_surface_create_for_stream(append, &out, 0.75 * width, 0.75 * height));
    // The same picture gives the same bytes.
    cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE, "1970-01-01T00:00:00Z");
    draw(handle.get(), surface.get(), 0.75 * width, 0.75 * height);
    cairo_surface_finish(surface.get());
  }
  return out;
}

#else

const std::vector<std::string>& picture_endings() {
  static const std::vector<std::string> endings = {".svg"};
  return endings;
}

std::string picture_as(const std::string& svg, const std::string&) { return svg; }

#endif

}  // namespace bigmac::apps
