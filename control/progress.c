#include "progress.h"

#include "output.h"
#include "size.h"
#include "terminal.h"
#include "virtualdisk/platform.h"

#include <string.h>

#define SHOW_INTERVAL_MILLI 200

bool vdisk_progress_init(struct vdisk_progress *progress, const struct vdisk_arguments *arguments)
{
    const char *kind = arguments->options[VDISK_OPTION_PROGRESS];
    *progress = (struct vdisk_progress){.kind = VDISK_PROGRESS_NONE};
    if (kind == NULL) {
        if (vdisk_output_progress_is_terminal())
            progress->kind = VDISK_PROGRESS_TERMINAL;
    } else if (strcmp(kind, "json") == 0) {
        progress->kind = VDISK_PROGRESS_JSON;
    } else if (strcmp(kind, "none") != 0) {
        vdisk_output_message("--progress is json or none, not '%s'", kind);
        return false;
    }
    return true;
}

void vdisk_progress_start(struct vdisk_progress *progress, uint64_t total_bytes)
{
    vdisk_terminal_catch_interrupt();
    progress->total_bytes = total_bytes;
    progress->done_bytes = 0;
    progress->started_milli = vdisk_terminal_milliseconds();
    progress->shown_milli = progress->started_milli;
}

/* a * b / c without a wide product: close enough for what people look at. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
    while (a > UINT64_MAX / (b == 0 ? 1 : b)) {
        a >>= 1;
        c >>= 1;
    }
    return c == 0 ? 0 : a * b / c;
}

static void show(const struct vdisk_progress *progress)
{
    uint64_t elapsed = vdisk_terminal_milliseconds() - progress->started_milli;
    uint64_t done = progress->done_bytes, total = progress->total_bytes;
    uint64_t per_second = scale(done, 1000, elapsed == 0 ? 1 : elapsed);
    uint64_t seconds_left = per_second == 0 ? 0 : (total - done) / per_second;
    uint64_t permille = total == 0 ? 1000 : scale(done, 1000, total);
    char rate[VDISK_SIZE_TEXT_BYTES];
    char *text;
    if (progress->kind == VDISK_PROGRESS_JSON)
        text = vdisk_text_format(
            "{\"percent\": %" PRIu64 ".%" PRIu64 ", \"done\": %" PRIu64 ", \"total\": %" PRIu64
            ", \"bytes-per-second\": %" PRIu64 ", \"seconds-left\": %" PRIu64 "}\n",
            permille / 10, permille % 10, done, total, per_second, seconds_left);
    else
        text = vdisk_text_format("\r%3" PRIu64 " %%  %s/s, %" PRIu64 " s left          ",
                                 permille / 10, vdisk_size_text(per_second, rate), seconds_left);
    if (text != NULL)
        vdisk_output_progress(text);
    vdisk_free(text);
}

bool vdisk_progress_step(struct vdisk_progress *progress, uint64_t bytes)
{
    progress->done_bytes += bytes;
    if (vdisk_terminal_interrupted())
        return false;
    if (progress->kind == VDISK_PROGRESS_NONE)
        return true;
    uint64_t now = vdisk_terminal_milliseconds();
    if (now - progress->shown_milli >= SHOW_INTERVAL_MILLI) {
        progress->shown_milli = now;
        show(progress);
    }
    return true;
}

void vdisk_progress_end(struct vdisk_progress *progress)
{
    if (progress->kind == VDISK_PROGRESS_JSON)
        show(progress);
    else if (progress->kind == VDISK_PROGRESS_TERMINAL)
        vdisk_output_progress("\r                                             \r");
}
