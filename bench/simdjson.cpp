/* simdjson.cpp - what a program takes that reads nothing of a reply but the times and the messages
 * of its lines, with the fastest JSON reader that Debian has; called by binding.c. */
#include <cstddef>
#include <simdjson.h>

extern "C" size_t simdjson_lines(const char *reply, size_t reply_len);

size_t simdjson_lines(const char *reply, size_t reply_len) {
    static simdjson::ondemand::parser parser;
    /* binding.c keeps a megabyte for a reply: the reader may look beyond its end. */
    size_t room = reply_len + simdjson::SIMDJSON_PADDING, bytes = 0;
    simdjson::ondemand::document found;
    if (parser.iterate(reply, reply_len, room).get(found) != simdjson::SUCCESS) return 0;
    simdjson::ondemand::object result;
    if (found["result"].get(result) != simdjson::SUCCESS) return 0;
    for (const char *side : {"inbound", "outbound"}) {
        simdjson::ondemand::array lines;
        if (result[side]["lines"].get(lines) != simdjson::SUCCESS) return 0;
        for (simdjson::ondemand::object line : lines) {
            std::string_view at, message;
            if (line["logged_at"].get(at) != simdjson::SUCCESS ||
                line["message"].get(message) != simdjson::SUCCESS)
                return 0;
            bytes += at.size() + message.size();
        }
    }
    return bytes;
}
