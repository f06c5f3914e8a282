"""Signals as a program of ours needs them, whatever the process that started it did with them.

A signal that is ignored or blocked stays so in every program started from there (`trap '' TERM`, some supervisors).
SIGTERM would then end nothing, SIGALRM no call that hangs, and with SIGCHLD ignored nobody hears how a child ended.
Each program calls `restore_signals` first; handlers of its own come later.
"""

import signal

_NEEDED = (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD)


def restore_signals() -> None:
    """Lets the signals that a program cannot do without arrive again; handlers that are set stay.

    Ignored on purpose stay SIGHUP (nohup) and SIGINT (a shell's background job): programs that end on SIGINT set a
    handler for it.
    """
    for number in _NEEDED:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_NEEDED, signal.SIGINT})
