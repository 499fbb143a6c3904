// Text and bytes as the forms need them. zlib stays in encode.cc.
#pragma once

#include <string>
#include <string_view>

namespace gna::provision {

// gzip at level 9 without a time stamp: equal input gives equal bytes.
std::string gzip(std::string_view bytes);

// The text as one word of a POSIX shell, in ASCII whatever it is: YAML and mail readers have an opinion on some
// other characters. It must not end in a line feed unless it is plain text.
std::string shell_word(std::string_view text);

// Printable ASCII, tabs and line feeds: what every shell, YAML and MIME reader takes and gives back.
bool is_plain_text(std::string_view text);

// A delimiter for a here-document that is no line of the text.
std::string delimiter_for(std::string_view text);

// For data URLs: everything that is not unreserved in a URL as %XX (a blank as %20, never +) but for the
// few reserved characters that readers take as they are.
std::string percent_encode(std::string_view bytes);

}  // namespace gna::provision
