/** cell0 is the cell with the all-zero uuid. Only a burial needs to know; for a reader it is a cell like any other. */
export const cell0 = '00000000-0000-0000-0000-000000000000';
