# report.html: web/ is bundled into one page by npm and embedded in the report room. Without Node the room is built with
# an empty page, and report.html is drawn as SVG instead.
option(BIGMAC_WEB "Bundle the interactive report.html (needs Node and npm)" ON)
find_program(BIGMAC_NODE node)
find_program(BIGMAC_NPM npm)
set(BIGMAC_WEB_FOUND OFF)
if(BIGMAC_WEB AND BIGMAC_NODE AND BIGMAC_NPM)
  set(BIGMAC_WEB_FOUND ON)
endif()

file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/web/src/*)
set(web_page ${CMAKE_BINARY_DIR}/web/page_template.cpp)
add_custom_command(
  OUTPUT ${web_page}
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR}/web -DFOLDER=${CMAKE_BINARY_DIR}/web -DFOUND=${BIGMAC_WEB_FOUND}
          -DNPM=${BIGMAC_NPM} -P ${CMAKE_SOURCE_DIR}/cmake/build_web.cmake
  DEPENDS ${web_sources} ${CMAKE_SOURCE_DIR}/web/package.json ${CMAKE_SOURCE_DIR}/web/package-lock.json
          ${CMAKE_SOURCE_DIR}/web/build.mjs ${CMAKE_SOURCE_DIR}/cmake/build_web.cmake
  COMMENT "Bundling report.html")
target_sources(bigmac_report PRIVATE ${web_page})
target_include_directories(bigmac_report PRIVATE ${CMAKE_SOURCE_DIR}/sim/report)
