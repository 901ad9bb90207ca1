resource "aws_sns_topic" "receipts" {
  name = "${local.prefix}-receipts"
}

resource "aws_sns_topic" "payouts" {
  name              = "${local.prefix}-payouts"
  kms_master_key_id = aws_kms_key.ledger.id
}

resource "aws_sqs_queue" "webhooks" {
  name              = "${local.prefix}-webhooks"
  kms_master_key_id = aws_kms_key.ledger.id
}

resource "aws_sns_topic_subscription" "receipts" {
  topic_arn = aws_sns_topic.receipts.arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.webhooks.arn
}
