/* `net ID`: makes a VM's network and keeps it. It answers on two sockets of its runtime directory, a message
 * each way (SOCK_SEQPACKET), a long text in a file (text-answer.h):
 *
 *   control   tap ID           the guest's interface, for QEMU; `stale` if the policy is of other settings
 *             namespaces       user and network namespace, for dnsmasq
 *             resolver-log     where dnsmasq's log goes
 *             resolver         dnsmasq's configuration
 *             proxy-log        where haproxy's log goes
 *             tls-names        a line, and the names that haproxy lets TLS connections through to
 *             resolver-ready   answered when a dnsmasq with that configuration has started
 *             show             all about the policy and what it refused, as JSON
 *             allow, deny      with a word of Allow= on each further line
 *             mode MODE
 *   ssh       ssh              a connection to the guest's sshd; all that the ssh master can ask for
 */
#pragma once

typedef struct NetConfig {
        const char *nft;         /* absolute path */
        const char *haproxy;     /* likewise; it need not be installed */
        const char *runtime_dir; /* $RUNTIME_DIRECTORY, of this network alone */
        const char *config_home; /* $XDG_CONFIG_HOME */
        const char *settings_id; /* of the policy, see config_print_id() */
} NetConfig;

/* Returns an exit status. */
int net_run(const NetConfig *config, const char *id, char *const *variables);
