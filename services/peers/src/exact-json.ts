// What decides on arguments keeps every number in them as it is written; who shows them to people reads them the same way.
export { type ExactNumber, isExactNumber, parseExact } from '@sallyport/turn/exact-number';
