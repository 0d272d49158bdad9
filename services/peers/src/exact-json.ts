// What decides on arguments keeps every number in them as it is written; who shows them to
// people, or hands them on, reads them the same way.
export { type ExactNumber, hasBeyondDouble, isExactNumber, parseExact } from '@sallyport/turn/exact-number';
