/* Every key of an ini, a row each. The generator's parsing, the drop-in, the helper's reading, claude-run's
 * option and its help, `config`, "did you mean" and the tests that compare them all walk this table. A new
 * key is its row, the line that uses it, and its paragraphs in claude-vm.ini(5) and claude-run(1).
 *
 * A value has two spellings: the text in an ini (4G, on), and the canonical text that Project, drop-in and
 * Parameters hold (4096, yes). What needs the user's paths or libuuid is checked by the generator, which
 * maps those types to functions of its own; no pointer to a function is in here, so this file depends on
 * neither program. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NAME: SETTING_NAME, and CLAUDE_VM_NAME in the drop-in if the row says VARIABLE
 * type: TYPE_…, below
 * range: allowed words, with blanks between, or the least and the greatest value
 * default: as an ini would write it; NULL: none, or one that depends on other keys
 * becomes: VARIABLE of the drop-in, which leaves out what the ini does not set; DIRECTIVE of its [Service];
 *     CODE: the generator has code of its own for it
 * option: of claude-run, its letter (0: none) and its name (NULL: none); the value's name in the help (NULL:
 * the option takes none and means yes); the help (NULL: the allowed words) */
/* clang-format off */
/*        NAME             section    key                type       range       default  becomes    option, value, help */
#define SETTINGS(X) \
        X(WORK_DIRECTORY,  "Project", "WorkDirectory",   DIRECTORY, NULL,       NULL,    VARIABLE,  0, NULL, NULL, NULL) \
        X(GUEST_DIRECTORY, "Project", "GuestDirectory",  PLACE,     NULL,       NULL,    CODE,      0, "guest-directory", "GUESTDIR", "the work directory in the guest, like /work") \
        X(HOME,            "Project", "Home",            HOME,      NULL,       NULL,    CODE,      0, "home", "DIR", "the agent's home") \
        X(AGENT,           "Project", "Agent",           WORD,      AGENT_NAMES, "claude", VARIABLE, 0, "agent", "AGENT", NULL) \
        X(AGENT_START,     "Project", "AgentStart",      WORD,      "boot session", "boot", VARIABLE, 0, NULL, NULL, NULL) \
        X(AGENT_ARGUMENTS, "Project", "AgentArguments",  ARGUMENTS, NULL,       NULL,    CODE,      0, NULL, NULL, NULL) \
        X(AGENT_FORWARD,   "Project", "AgentForward",    BOOLEAN,   "no yes",   "no",    CODE,      0, "agent-forward", NULL, "lend the VM your ssh agent") \
        X(CLIPBOARD,       "Project", "Clipboard",       WORD,      "no image",  "no",    CODE,      0, "clipboard", "WHAT", NULL) \
        X(USER_CONFIG,     "Project", "UserConfig",      BOOLEAN,   "no yes",   "yes",   CODE,      0, "user-config", "YES|NO", NULL) \
        X(READ_ONLY,       "Project", "ReadOnly",        BOOLEAN,   "no yes",   "no",    CODE,      0, NULL, NULL, NULL) \
        X(PROTECT,         "Project", "Protect",         PROTECT,   NULL,       "yes",   VARIABLE,  0, "protect", "NAMES", "what stays read-only for the guest") \
        X(WORKSPACE,       "Project", "Workspace",       WORD,      "direct copy", "direct", VARIABLE, 0, "workspace", "HOW", NULL) \
        X(COPY_MAX_MIB,    "Project", "CopyMax",         MEMORY,    "1M 16T",   "8G",    VARIABLE,  0, NULL, NULL, NULL) \
        X(NOTIFY,          "Project", "Notify",          BOOLEAN,   "no yes",   "yes",   VARIABLE,  0, NULL, NULL, NULL) \
        X(DESKTOP_NOTICE,  "Project", "DesktopNotice",   BOOLEAN,   "no yes",   "no",    VARIABLE,  0, "desktop-notice", NULL, "a notice on the desktop when the agent waits or has ended") \
        X(WORKTREE,        "Project", "Worktree",        BOOLEAN,   "no yes",   "yes",   CODE,      0, NULL, NULL, NULL) \
        X(DEV_SHELL,       "Project", "DevShell",        BOOLEAN,   "no yes devenv", "no", VARIABLE, 0, NULL, NULL, NULL) \
        X(SHARE,           "Project", "Share",           SHARE,     NULL,       NULL,    CODE,      0, "share", "TAG:DIR:GUESTDIR[:ro]", "one more directory") \
        X(ALLOW_HIDDEN,    "Project", "AllowHidden",     HIDDEN,    NULL,       NULL,    CODE,      0, NULL, NULL, NULL) \
        X(PRIVATE,         "Project", "Private",         PRIVATE,   NULL,       NULL,    VARIABLE,  0, NULL, NULL, NULL) \
        X(SETUP,           "Project", "Setup",           SCRIPT,    NULL,       NULL,    VARIABLE,  0, NULL, NULL, NULL) \
        X(UUID,            "Project", "UUID",            UUID,      NULL,       NULL,    CODE,      0, NULL, NULL, NULL) \
        X(GUEST,           "VM",      "Guest",           GUEST,     NULL,       DEFAULT_GUEST, VARIABLE, 0, "guest", "GUEST", "guest image") \
        X(GUEST_HASH,      "VM",      "GuestHash",       HASH,      NULL,       NULL,    VARIABLE,  0, NULL, NULL, NULL) \
        X(MEMORY_MIB,      "VM",      "Memory",          MEMORY,    "128M 1T",  "4G",    VARIABLE,  'm', "memory", "SIZE", "memory, like 8G") \
        X(CPUS,            "VM",      "CPUs",            NUMBER,    "1 255",    "4",     VARIABLE,  0, "cpus", "N", "number of CPUs") \
        X(ACCELERATOR,     "VM",      "Accelerator",     WORD,      "auto kvm tcg", "auto", VARIABLE, 0, "accelerator", "NAME", NULL) \
        X(MACHINE,         "VM",      "Machine",         WORD,      "auto microvm q35 virt", "auto", VARIABLE, 0, "machine", "NAME", NULL) \
        X(NESTED,          "VM",      "Nested",          BOOLEAN,   "no yes",   "no",    VARIABLE,  0, NULL, NULL, NULL) \
        X(SHUTDOWN,        "VM",      "Shutdown",        WORD,      "stop suspend", "stop", CODE,    0, NULL, NULL, NULL) \
        X(IDLE,            "VM",      "Idle",            IDLE,      "10s 30d",  "no",    VARIABLE,  0, NULL, NULL, NULL) \
        X(DISK,            "VM",      "Disk",            DISK,      "1G 64T",   "20G",   VARIABLE,  0, NULL, NULL, NULL) \
        X(NETWORK,         "Network", "Mode",            WORD,      "internet allow none open", "internet", VARIABLE, 0, "network", "MODE", NULL) \
        X(ALLOW,           "Network", "Allow",           ALLOW,     NULL,       NULL,    CODE,      0, "allow", "WORD", "a NAME, ADDRESS, host:PORT or @LIST to reach") \
        X(LOG_ALLOWED,     "Network", "LogAllowed",      BOOLEAN,   "no yes",   "no",    VARIABLE,  0, NULL, NULL, NULL) \
        X(API_PROXY,       "Network", "ApiProxy",        BOOLEAN,   "no yes auto", "auto", CODE,     0, NULL, NULL, NULL) \
        X(BUDGET,          "Network", "Budget",          NUMBER,    "0 1000000", "0",   CODE,      0, NULL, NULL, NULL) \
        X(PUBLISH,         "Network", "Publish",         PUBLISH,   NULL,       NULL,    CODE,      'p', "publish", "[ADDRESS:]PORT:PORT", "forward a port of the host") \
        X(MEMORY_MAX,      "Service", "MemoryMax",       DIRECTIVE, NULL,       NULL,    DIRECTIVE, 0, NULL, NULL, NULL) \
        X(MEMORY_HIGH,     "Service", "MemoryHigh",      DIRECTIVE, NULL,       NULL,    DIRECTIVE, 0, NULL, NULL, NULL) \
        X(MEMORY_SWAP_MAX, "Service", "MemorySwapMax",   DIRECTIVE, NULL,       NULL,    DIRECTIVE, 0, NULL, NULL, NULL) \
        X(CPU_QUOTA,       "Service", "CPUQuota",        DIRECTIVE, NULL,       NULL,    DIRECTIVE, 0, NULL, NULL, NULL) \
        X(CPU_WEIGHT,      "Service", "CPUWeight",       DIRECTIVE, NULL,       NULL,    DIRECTIVE, 0, NULL, NULL, NULL) \
        X(TASKS_MAX,       "Service", "TasksMax",        DIRECTIVE, NULL,       NULL,    DIRECTIVE, 0, NULL, NULL, NULL) \
        X(NICE,            "Service", "Nice",            DIRECTIVE, NULL,       NULL,    DIRECTIVE, 0, NULL, NULL, NULL) \
        X(RUNTIME_MAX,     "Service", "RuntimeMaxSec",   DIRECTIVE, NULL,       NULL,    DIRECTIVE, 0, NULL, NULL, NULL) \
        X(TIMEOUT_START,   "Service", "TimeoutStartSec", DIRECTIVE, NULL,       NULL,    DIRECTIVE, 0, NULL, NULL, NULL) \
        X(TIMEOUT_STOP,    "Service", "TimeoutStopSec",  DIRECTIVE, NULL,       NULL,    DIRECTIVE, 0, NULL, NULL, NULL) \
        X(WANTED_BY,       "Install", "WantedBy",        WANTED,    NULL,       NULL,    CODE,      0, NULL, NULL, NULL)
/* clang-format on */

typedef enum SettingId {
#define SETTING_ID(name, ...) SETTING_##name,
        SETTINGS(SETTING_ID)
#undef SETTING_ID
                        N_SETTINGS,
} SettingId;

typedef enum SettingType {
        /* setting_parse() knows these: a word of the range; a number; memory, canonical in MiB; one of `no
         * yes` and more words, where no and yes have systemd's other spellings too; what an idle VM does;
         * memory or no, canonical in MiB, where 0 is no. */
        TYPE_WORD,
        TYPE_NUMBER,
        TYPE_MEMORY,
        TYPE_BOOLEAN,
        TYPE_IDLE, /* `no` or `suspend:TIME`, canonical in seconds, 0 for no; the range is of times */
        TYPE_DISK, /* of a project only: nothing would own the disk of a request */
        /* the generator has these to itself */
        TYPE_GUEST, /* name of an image, or its directory */
        TYPE_DIRECTORY,
        TYPE_HOME,      /* a directory in which agents may keep their settings */
        TYPE_PLACE,     /* a directory in the guest */
        TYPE_PROTECT,   /* names below the work directory */
        TYPE_PRIVATE,   /* directories below it */
        TYPE_SCRIPT,    /* a file below it */
        TYPE_HASH,      /* sha256: and its digits */
        TYPE_UUID,      /* of a project only, not of a request */
        TYPE_DIRECTIVE, /* a limit in systemd's own spelling */
        TYPE_WANTED,    /* of a project only */
        TYPE_ARGUMENTS, /* this one and the rest are lists: their line may be repeated */
        TYPE_SHARE,
        TYPE_HIDDEN,
        TYPE_PUBLISH,
        TYPE_ALLOW,
        N_TYPES,
} SettingType;

typedef enum SettingBecomes {
        BECOMES_VARIABLE,
        BECOMES_DIRECTIVE,
        BECOMES_CODE,
} SettingBecomes;

typedef struct Setting {
        const char *section, *key;
        const char *range, *fallback;
        const char *variable; /* CLAUDE_VM_… */
        const char *option, *value_name, *help;
        SettingType type;
        SettingBecomes becomes;
        char letter;
} Setting;

extern const Setting settings[N_SETTINGS];

#define SETTING_VALUE_MAX 32U /* bytes of a canonical word or number */
#define SETTING_WHY_MAX 128U

/* From the text of an ini to the canonical one, of the first six types. 0; -EINVAL: `ret_why` is what a
 * value must be, as the rest of a sentence. */
int setting_parse(const Setting *s, const char *text, char ret[static SETTING_VALUE_MAX],
                char ret_why[static SETTING_WHY_MAX]);

/* Checks a canonical text, which a drop-in made by hand may have spoiled. As above. */
int setting_check(const Setting *s, const char *value, char ret_why[static SETTING_WHY_MAX]);

/* True if lines of this key add up. */
bool setting_is_list(const Setting *s);

/* True for a key that counts in a project's own file only: a request may begin with the ini of a project. */
bool setting_is_project_only(const Setting *s);

/* True for a key that may stand in defaults.ini: it says nothing about one project's place or grants. */
bool setting_is_for_all(const Setting *s);

/* True for a limit that systemd changes while the unit runs. */
bool setting_is_live_limit(const Setting *s);

/* The row of a key; N_SETTINGS if there is none. */
SettingId setting_find(const char *section, const char *key);

/* Typed access to canonical values by id, of which NULL means the default. */
const char *setting_value(char *const values[static N_SETTINGS], SettingId id);
bool setting_is(char *const values[static N_SETTINGS], SettingId id, const char *word);
uint64_t setting_number(char *const values[static N_SETTINGS], SettingId id); /* memory: in MiB */

/* Moves `*words` on to the next one of a list with blanks between; its length, 0 at the end. */
size_t setting_next_word(const char **words);

/* True if such a list has the word. */
bool setting_has_word(const char *words, const char *word);
