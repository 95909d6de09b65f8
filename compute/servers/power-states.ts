/** What a hypervisor says of a guest, by Nova's numbers. */
export const noState = 0;
export const running = 1;
export const paused = 3;
export const shutDown = 4;
export const crashed = 6;
export const suspended = 7;
