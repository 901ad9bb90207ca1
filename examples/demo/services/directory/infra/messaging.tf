resource "aws_sqs_queue" "changes" {
  region            = "eu-north-1"
  name              = "directory-changes"
  kms_master_key_id = var.feed_key
}

resource "aws_sqs_queue" "crm_feed" {
  region            = "us-east-2"
  name              = "directory-crm-feed"
  kms_master_key_id = var.feed_key
}

resource "aws_cloudwatch_metric_alarm" "feed_depth" {
  alarm_name          = "directory-feed-depth"
  alarm_description   = <<-EOT
    Too much waits in the feed. Not a reason to set storage_encrypted = false again,
    nor to move the queue to region = "us-west-1".
  EOT
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10000
  period              = 300
  evaluation_periods  = 3
  dimensions          = { QueueName = aws_sqs_queue.changes.name }
}
