#include "helper/claude-run/watch-screen.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "common/vm-name.h"
#include "helper/claude-run/disks.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/which-vm.h"

#define KEYS "Up Down select  Enter attach  s suspend  x stop  q quit"
#define LEAST_LINES 4U
#define NAME_COLUMNS 15
/* 80 in all, then the directory */
#define COLUMNS "%c %-15.*s %-10s %-7s %7s %6s %5s %7s %5s %7s  %s"

/* The rest of the line is erased, so that nothing of an earlier screen stays. */
static void __attribute__((format(printf, 3, 4))) print_line(
                FILE *f, const WatchScreen *screen, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        memory_need(r >= 0);
        printable_clean(text);
        fprintf(f, "%.*s\033[K", (int) printable_fit(text, screen->columns, NULL), text);
}

static void print_size(bool known, uint64_t bytes, char ret[static VM_ROW_CELL]) {
        char size[DISK_SIZE_MAX];

        if (known)
                disk_print_size(bytes, size);
        snprintf(ret, VM_ROW_CELL, "%s", known ? size : "-");
}

static void print_number(bool known, uint64_t number, const char *unit, char ret[static VM_ROW_CELL]) {
        if (known)
                snprintf(ret, VM_ROW_CELL, "%llu%s", (unsigned long long) number, unit);
        else
                strcpy(ret, "-");
}

static void print_row(FILE *f, const WatchScreen *screen, size_t i) {
        const VmRow *row = &screen->rows->items[i];
        char uptime[VM_ROW_CELL], memory[VM_ROW_CELL], cpu[VM_ROW_CELL], refused[VM_ROW_CELL],
                        disk[VM_ROW_CELL], viewers[VM_ROW_CELL];
        bool active = vm_row_is_active(row);

        vm_row_print_uptime(row, uptime);
        print_size(active && row->state.memory != UINT64_MAX, row->state.memory, memory);
        print_number(active && screen->cpu[i] != WATCH_CPU_UNKNOWN, screen->cpu[i], "%", cpu);
        print_number(active && row->has_network, row->refused, "", refused);
        print_size(row->has_disk, row->disk, disk);
        print_number(active, row->viewers, "", viewers);
        print_line(f, screen, COLUMNS, i == screen->selected ? '>' : ' ',
                        vm_name_is_uuid(row->name) ? WHICH_VM_PREFIX : NAME_COLUMNS, row->name,
                        vm_row_word(row), agent_state_word(row->agent) ?: "-", uptime, memory, cpu, refused,
                        disk, viewers, row->directory ?: "");
}

/* The first row that is shown, so that the selected one is with its reason. */
static size_t first_row(const WatchScreen *screen, unsigned room) {
        size_t first = screen->selected, n = 0;

        for (size_t i = screen->rows->n > 0 ? first + 1 : 0; i-- > 0; first = i) {
                n += vm_row_reason(&screen->rows->items[i]) ? 2 : 1;
                if (n > room)
                        break;
        }
        return first;
}

/* As many as there is room for; how many lines that took. */
static unsigned print_rows(FILE *f, const WatchScreen *screen, unsigned room) {
        unsigned n = 0;

        for (size_t i = first_row(screen, room); i < screen->rows->n && n < room; i++) {
                const char *reason = vm_row_reason(&screen->rows->items[i]);

                print_row(f, screen, i);
                fputs("\r\n", f);
                n++;
                if (!reason || n == room)
                        continue;
                print_line(f, screen, "    %s", reason);
                fputs("\r\n", f);
                n++;
        }
        return n;
}

void watch_screen_print(FILE *f, const WatchScreen *screen) {
        unsigned room = screen->lines > LEAST_LINES ? screen->lines - 2 : LEAST_LINES - 2;

        fputs("\033[1m", f);
        print_line(f, screen, COLUMNS, ' ', NAME_COLUMNS, "NAME", "STATE", "AGENT", "UPTIME", "MEMORY",
                        "CPU", "REFUSED", "DISK", "VIEWERS", "DIRECTORY");
        fputs("\033[m\r\n", f);
        if (screen->rows->n == 0) {
                print_line(f, screen,
                                "  There is no project and no VM yet. Run claude-run in a directory to make one");
                fputs("\r\n", f);
                room--;
        }
        for (unsigned n = print_rows(f, screen, room); n < room; n++)
                fputs("\033[K\r\n", f);
        print_line(f, screen, "%s", screen->message ?: KEYS);
}
